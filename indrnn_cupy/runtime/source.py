"""Kernel sources: where they lie, one text of a `.cu` and its headers, and the parameters that a kernel declares."""

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import KernelSignatureError, KernelSourceError

_package = Path(__file__).resolve().parents[1]
# An installed wheel carries the kernels inside the package, a checkout beside it.
KERNELS = next((p for p in (_package / "kernels", _package.parent / "kernels") if p.is_dir()), _package / "kernels")

_overlay: Path | None = Path(p).absolute() if (p := os.environ.get("INDRNN_CUPY_KERNELS")) else None


def overlay() -> Path | None:
    """The user's folder, whose files stand in for the package's of the same name."""
    return _overlay


def set_overlay(folder: Path | None) -> None:
    global _overlay
    _overlay = folder


class Parameter(NamedTuple):
    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def find(name: str) -> Path:
    """The file called `name`, from the overlay folder if it is there, else from the package."""
    if _overlay and not _overlay.is_dir():
        raise KernelSourceError(
            f"the kernel folder {_overlay} does not exist; point INDRNN_CUPY_KERNELS or use_kernels at a folder"
        )
    for folder in filter(None, (_overlay, KERNELS)):
        if (folder / name).is_file():
            return folder / name
    raise KernelSourceError(f"no kernel file {name} in {' or '.join(str(f) for f in (_overlay, KERNELS) if f)}")


def read(name: str) -> str:
    """The text of a kernel file with its headers in place, marked so that a compiler names the file and line."""
    return _inline(name, set())


def _inline(name: str, seen: set[str]) -> str:
    path = find(name)
    seen.add(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KernelSourceError(f"cannot read the kernel file {path}: {error}") from None
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'#line 1 "{quoted}"']
    for number, line in enumerate(text.splitlines(), 1):
        if include := re.match(r'\s*#\s*include\s+"([^"]+)"', line):
            if include[1] not in seen:
                lines.append(_inline(include[1], seen))
            lines.append(f'#line {number + 1} "{quoted}"')
        else:
            lines.append("" if line.strip() == "#pragma once" else line)
    return "\n".join(lines) + "\n"


@cache
def parse_parameters(text: str) -> tuple[Parameter, ...]:
    """The parameters of a C parameter list."""
    plain = text.replace("__restrict__", " ").replace("*", "* ")
    words = [p.split() for p in plain.split(",") if p.strip()]
    return tuple(Parameter(" ".join(w[:-1]).replace(" *", "*"), w[-1]) for w in words)


def declared_parameters(source: str, kernel: str) -> tuple[Parameter, ...]:
    """The parameters with which `source` declares the kernel of that name."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.S)
    found = re.search(rf'extern\s+"C"\s+__global__\s+void\s+{kernel}\s*\(([^)]*)\)', plain)
    if not found:
        raise KernelSignatureError(f'no `extern "C" __global__ void {kernel}(...)` in the kernel file')
    return parse_parameters(found[1])


def check_parameters(declared: tuple[Parameter, ...], passed: tuple[Parameter, ...], where: str) -> None:
    """Raises KernelSignatureError unless the kernel declares just what the op passes, in this order."""
    if declared == passed:
        return
    has, wants = {p.name: p for p in declared}, {p.name: p for p in passed}
    problems = [f"it lacks `{p}`" for p in passed if p.name not in has]
    problems += [f"nothing is passed for its `{p}`" for p in declared if p.name not in wants]
    problems += [f"it declares `{has[n]}`, expected `{wants[n]}`" for n in wants if n in has and has[n] != wants[n]]
    if not problems:
        problems = ["its parameters are in another order"]
    expected = ", ".join(str(p) for p in passed)
    raise KernelSignatureError(
        f"{where} does not fit the op that calls it: {'; '.join(problems)}. Expected parameters: ({expected})"
    )
