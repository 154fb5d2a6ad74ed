"""Kernel sources: where they lie, one text of a `.cu` and its headers, and the parameters that a kernel declares."""

import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import KernelSignatureError, KernelSourceError, shown

_package = Path(__file__).resolve().parents[1]
# An installed wheel carries the kernels inside the package, a checkout beside it.
KERNELS = next((p for p in (_package / "kernels", _package.parent / "kernels") if p.is_dir()), _package / "kernels")

_overlay: Path | None = Path(p).absolute() if (p := os.environ.get("INDRNN_CUPY_KERNELS")) else None
MOST_NESTED = 100
Identity = tuple[int, int]  # of a file, by whatever name: its device and number
generation = 0  # rises when sources may have changed; what was compiled before is not used again


def overlay() -> Path | None:
    """The user's folder, whose files stand in for the package's of the same name."""
    return _overlay


def set_overlay(folder: Path | None) -> None:
    """Takes kernels from this folder first; reads every file again."""
    global _overlay, generation
    _overlay, generation = folder, generation + 1


def check_folder(folder: Path) -> None:
    """Raises KernelSourceError unless the folder holds kernel files."""
    try:
        found = any(path.suffix in (".cu", ".cuh") for path in folder.iterdir())
    except (OSError, ValueError):  # a name with a NUL
        found = False
    if not found:
        raise KernelSourceError(
            f"no .cu or .cuh file in the kernel folder {shown(folder)}; copy those to change from {KERNELS}, "
            "or take the folder out of INDRNN_CUPY_KERNELS or use_kernels"
        )


def _find(name: str, beside: Path = KERNELS) -> Path | None:
    """A file beside the one that includes it, else in the overlay or the package; the package's own come last."""
    folders = [f for f in (beside if beside != KERNELS else None, _overlay, KERNELS) if f]
    return next((f / name for f in folders if os.path.lexists(f / name)), None)  # a broken link is found, and then said


def find(name: str) -> Path:
    """The file called `name`, from the overlay folder if it is there, else from the package."""
    if _overlay:
        check_folder(_overlay)
    path = _find(name)
    if path is None:
        raise KernelSourceError(
            f"no kernel file {shown(name)} in {' or '.join(shown(f) for f in (_overlay, KERNELS) if f)}"
        )
    return path


def read(name: str, text: str | None = None) -> str:
    """The text of a kernel file with its headers in place, marked so that a compiler names the file and line.

    With `text`, that is the content of the file, or of what is in no file and only called so.
    """
    return _inline(find(name) if text is None else Path(name), {}, set(), text)


def with_own_headers(name: str, text: str) -> str:
    """The text of a file with those of its headers in place that are not the package's, nor of the overlay."""
    return _inline(Path(name), {}, set(), text, own=True)


def _content(path: Path) -> tuple[Identity, str]:
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):  # of a pipe the end would never come
            raise OSError(0, "it is no regular file")
        return (info.st_dev, info.st_ino), path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KernelSourceError(
            f"cannot read the kernel file {shown(path)}: {reason}; expected a readable file of UTF-8 text"
        ) from None


def _inline(
    path: Path, parents: dict[Identity, Path], once: set[Identity], text: str | None = None, own: bool = False
) -> str:
    """`parents` are the files that include this one, `once` those that are included no second time."""
    identity, content = _content(path) if text is None else ((0, 0), text)
    if identity in once:
        return ""
    if identity in parents:
        raise KernelSourceError(f"{shown(path)} includes itself, by way of {shown(list(parents.values())[-1])}")
    if len(parents) > MOST_NESTED:
        first = next(iter(parents.values()))
        raise KernelSourceError(
            f"headers are nested more than {MOST_NESTED} deep, from {shown(first)} to {shown(path)}; put some together"
        )
    quoted = '"' + shown(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
    inlined, in_comment = [f"#line 1 {quoted}"], False
    number = 0
    for line in content.split("\n"):
        number += 1
        if "#" not in line and "/*" not in line and "*/" not in line:
            inlined.append(line)
            continue
        if mark := re.match(r'#line (\d+) (".*")$', line):  # of a text that has headers in place already
            number, quoted = int(mark[1]) - 1, mark[2]
        include = None if in_comment else re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        header = _find(include[1], path.parent if path.is_absolute() else KERNELS) if include else None
        if own and header and header.parent in (KERNELS, _overlay):
            header = None
        if line.strip() == "#pragma once":
            once.add(identity)
            inlined.append("")
        elif header:
            inlined.append(_inline(header, parents | {identity: path}, once, own=own))
            inlined.append(f"#line {number + 1} {quoted}")
        else:
            inlined.append(line)  # a header that is not there is left for the compiler to name
        if "/*" in line or "*/" in line:
            code = line if in_comment else re.sub(r'"(?:\\.|[^"\\])*"|//.*', "", line)
            in_comment = code.rfind("/*") > code.rfind("*/") or (in_comment and "*/" not in code)
    return "\n".join(inlined) + "\n"


class Parameter(NamedTuple):
    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@cache
def parse_parameters(text: str) -> tuple[Parameter, ...]:
    """The parameters of a C parameter list."""
    plain = re.sub(r"\b__restrict(__)?\b", " ", text).replace("*", "* ")
    words = [p.split() for p in plain.split(",") if p.strip()]
    words = [sorted(w[:-1], key=lambda word: word != "const") + w[-1:] for w in words]  # `T const*` is `const T*`
    return tuple(Parameter(" ".join(w[:-1]).replace(" *", "*"), w[-1]) for w in words)


def declared_parameters(source: str, kernel: str) -> tuple[Parameter, ...]:
    """The parameters with which `source` declares the kernel of that name."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.S)
    bounds = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
    found = re.findall(rf'extern\s+"C"\s+__global__\s+void\s+{bounds}{kernel}\s*\(([^)]*)\)', plain)
    if len(found) != 1:
        raise KernelSignatureError(
            f'expected one `extern "C" __global__ void {kernel}(...)` in the kernel file, found {len(found)}'
        )
    return parse_parameters(found[0])


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
