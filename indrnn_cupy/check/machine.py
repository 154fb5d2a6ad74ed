"""Describes what this machine has for running kernels."""

import importlib.metadata
import platform
import subprocess

import torch

from ..runtime import compiler, disk, missing, overlay, source


def description() -> str:
    """Versions, devices, compilers and folders, one per line."""
    lines = {
        "indrnn-cupy": f"{_version('indrnn-cupy')}, Python {platform.python_version()}, torch {torch.__version__}",
        "GPU": _gpu(),
        "CuPy": _cupy(),
        "CPU": f"{torch.get_num_threads()} threads, {_host_compiler()}",
        "kernels": _kernels(),
        "compiled": _cache(),
    }
    return "\n".join(f"{name:<12} {text}" for name, text in lines.items())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _gpu() -> str:
    if not torch.cuda.is_available():
        return "none that torch can use"
    names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    devices = ", ".join(f"{p.name} (sm_{p.major}{p.minor}, {p.total_memory >> 30} GiB)" for p in names)
    return f"{devices}; torch is built for CUDA {torch.version.cuda}"


def _cupy() -> str:
    if reason := missing("cuda"):
        return reason
    import cupy
    from cupy.cuda import nvrtc

    version = ".".join(map(str, nvrtc.getVersion()))
    if not torch.cuda.is_available():
        return f"{cupy.__version__}, NVRTC {version}"
    driver = cupy.cuda.runtime.driverGetVersion()
    return f"{cupy.__version__}, NVRTC {version}, driver for CUDA {driver // 1000}.{driver % 100 // 10}"


def _host_compiler() -> str:
    if reason := missing("cpu"):
        return reason
    command = compiler.command()
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    return f"{' '.join(command)}: {(done.stdout or done.stderr).splitlines()[0]}"


def _kernels() -> str:
    folder = overlay()
    if not folder:
        return str(source.KERNELS)
    source.check_folder(folder)
    files = {path.name for path in folder.iterdir() if path.suffix in (".cu", ".cuh")}
    package = {path.name for path in source.KERNELS.iterdir()}
    new = f" (also {', '.join(sorted(files - package))})" if files - package else ""
    return f"{', '.join(sorted(files & package)) or 'none'}{new} of {folder}, else {source.KERNELS}"


def _cache() -> str:
    place = disk.folder()
    entries = [path.stat().st_size for path in place.iterdir() if path.is_file()]
    return f"{place}, {len(entries)} programs, {sum(entries) / 1e6:.1f} MB"
