"""The host C++ compiler: which one it is, its flags, and how it is run."""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from . import disk, process_folder
from .errors import CompilerMissingError, KernelCompileError, shown

NATIVE = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
# What is written is what is computed: no -ffast-math (NaN comes through), no contraction (fma is written out).
FLAGS = (
    *("-x", "c++", "-std=c++20", "-O3", NATIVE, "-fPIC", "-shared"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"),
)
ZIG_FLAGS = ("-nostdlib", "-fno-exceptions", "-fno-rtti")  # else it first builds its libraries, for a minute
LIBRARY = ".dylib" if sys.platform == "darwin" else ".so"


@cache
def command() -> tuple[str, ...]:
    """The command of the host C++ compiler: $CXX, else g++, clang++, or the `ziglang` package."""
    if chosen := os.environ.get("CXX", "").strip():
        try:
            words = shlex.split(chosen)
        except ValueError as error:
            raise KernelCompileError(f"CXX is {chosen!r}, which is no command: {error}") from None
        if not (found := shutil.which(words[0])):
            raise KernelCompileError(f"CXX names the compiler {words[0]!r}, which is not on PATH; correct or unset CXX")
        # It runs in another folder than this one.
        return (os.path.abspath(found) if os.sep in words[0] else words[0], *words[1:])
    for name in ("g++", "clang++"):
        if shutil.which(name):
            return (name,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "c++")
    raise CompilerMissingError("no C++ compiler found: install g++ or clang++, or run `pip install ziglang`")


@cache
def flags() -> tuple[tuple[str, ...], str]:
    """The flags for this compiler, and what identifies it: its predefined macros name its version and the CPU."""
    macros, found = _macros(), list(FLAGS)
    if "__AVX512F__" in macros:
        found.append("-mprefer-vector-width=512")  # compilers keep to 256 bits by themselves; worth a tenth
    if _is_zig():
        found += ZIG_FLAGS
    elif "__clang__" not in macros:  # clang may come without OpenMP
        found.append("-fopenmp")
    return tuple(found), macros


def _is_zig() -> bool:
    return any(os.path.basename(word) in ("zig", "ziglang") for word in command())


def _macros() -> str:
    """The predefined macros, kept on disk: to ask for them would take longer than all else of a first call."""
    cpu = _cpu()
    if not cpu or _is_zig():
        return _ask()
    files = [os.stat(found) for word in command() if (found := shutil.which(word))]
    identity = repr((command(), FLAGS, cpu, [(file.st_ino, file.st_size, file.st_mtime_ns) for file in files]))
    key = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
    return disk.get(f"compiler-{key}.txt", lambda path: path.write_text(_ask(), "utf-8"), disk.text)


def _ask() -> str:
    try:
        return run([*command(), *FLAGS, "-dM", "-E", "-"], "")
    except KernelCompileError as error:
        raise KernelCompileError(f"the C++ compiler {shown(' '.join(command()))} does not work: {error}") from None


def _cpu() -> str:
    """What Linux says of the first CPU's model and instructions; nothing elsewhere."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read(8192).partition("\n\n")[0].splitlines()
    except OSError:
        return ""
    kinds = ("vendor", "cpu family", "model", "stepping", "flags", "CPU ", "Features")
    return "\n".join(line for line in lines if line.startswith(kinds))


def run(words: list[str], text: str, workshop: Path | None = None) -> str:
    """What a command prints; in the workshop, where its files are cleared and no header lies that the key omits."""
    environment = {**os.environ, "LC_ALL": "C"}
    if workshop:
        environment["TMPDIR"] = str(workshop)
    if _is_zig():
        place = disk.folder()
        zig = str((place if os.access(place, os.W_OK) else process_folder.path()) / "zig")
        environment = {"ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig, **environment}
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            env=environment,
            cwd=workshop,
        )
    except OSError as error:
        raise KernelCompileError(f"it cannot be started: {shown(error)}; check CXX and PATH") from None
    if done.returncode == -signal.SIGINT:  # Ctrl-C reaches the compiler, too
        raise KeyboardInterrupt
    if done.returncode < 0 or "Killed signal" in done.stderr:
        raise KernelCompileError("it was killed, as happens where memory is short; free some and run again")
    if done.returncode:
        raise KernelCompileError(done.stderr or f"it ended with status {done.returncode}")
    return done.stdout
