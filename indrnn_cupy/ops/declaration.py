"""What the text of a recurrence declares: its functions, and the roles of their parameters; see kernels/cell.cuh."""

import keyword
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..runtime.errors import KernelSignatureError

ROLES = ("Input", "Weight", "State")
TAKEN = re.findall(  # keywords of C++, and the options of a call
    r"\w+",
    "auto bool case catch char const default delete do double enum explicit float goto int long new operator private "
    "public short signed sizeof static struct switch template this throw typedef union unsigned void volatile real "
    "scalar lengths resets reverse batch_first memory every chunk",
)
OWN_NAMES = re.findall(  # macros that the package defines
    r"\w+",
    "AFTER BY_HAND CHUNKS CLAMPED INPUTS KEPT LANES OUTPUT PREFETCH REAL RESETS SCALAR SLOPES STATES STREAM THREADS "
    "TILE UNKEPT VARIABLES WEIGHTS",
)


class Parameter(NamedTuple):
    role: str
    name: str
    rows: str = ""  # of a weight (rows, H): their number, or the option that sets it


class Function(NamedTuple):
    """A function in a text."""

    where: str
    name: str
    parameters: tuple[Parameter, ...]


def without_comments(text: str) -> str:
    """The text without comments, with the same line numbers."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.S)


def option(name: str, value: Any) -> tuple[str, str]:
    """The name and value of a macro for the compiler."""
    if not re.fullmatch(r"[A-Za-z]\w+", name) or name in OWN_NAMES:
        raise KernelSignatureError(
            f"define has the name {name!r}, expected a name of two or more letters that the package does not use"
        )
    return name, str(int(value) if isinstance(value, bool) else value)


def functions(file: str, plain: str) -> Iterator[Function]:
    """The functions that have a parameter with a role."""
    roles = "|".join((*ROLES, "Weights", "Gradient", "After"))
    for match in re.finditer(r"\bINLINE\s+auto\s+(\w+)\s*\(([^()]*)\)\s*\{", plain):
        if re.search(rf"\b({roles})\b", match[2]):
            where = f"{file}:{1 + plain.count(chr(10), 0, match.start())}: {match[1]}"
            yield Function(where, match[1], tuple(_parameter(where, text) for text in match[2].split(",")))


def outputs_of(plain: str) -> int:
    """The number of values in `.output(...)` in a text; 0 without it."""
    found = re.search(r"\.\s*output\s*\(", plain)
    if found is None:
        return 0
    depth, number = 1, 1
    for letter in re.sub(r"\w\s*<[^<>()]*>\s*\(", "(", plain[found.end() :]):  # commas of templates do not count
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            break
        number += letter == "," and depth == 1
    return number


def _parameter(where: str, text: str) -> Parameter:
    found = re.fullmatch(r"\s*(\w+?)(s\s*<\s*(\w+)\s*>)?\s+auto\s+(\w+)\s*", text)
    many = found is not None and found[2] is not None
    allowed = ("Weight",) if many else (*ROLES, "Gradient", "After")
    if found is None or found[1] not in allowed:
        said = " ".join(text.split()) or "nothing"
        raise KernelSignatureError(
            f"{where} has the parameter `{said}`, expected `Input auto x`, `Weight auto u`, `Weights<3> auto a` or "
            "`State auto h`"
        )
    return Parameter(found[1], found[4], found[3] or "")


def check(cell: Function) -> None:
    """Raises KernelSignatureError unless inputs, weights and states come in this order, with distinct names."""
    last, seen = 0, set()
    for role, name, _ in cell.parameters:
        if role not in ROLES:
            raise KernelSignatureError(f"{cell.where} has {role} {name}, which only {cell.name}_gradient may have")
        if ROLES.index(role) < last:
            raise KernelSignatureError(
                f"{cell.where} has {role} {name} out of order, expected inputs, then weights, then states"
            )
        if name in seen or (f"{name}0" in seen and role == "State"):
            taken = name if name in seen else f"{name}0, which is the name of the initial state of {name}"
            raise KernelSignatureError(f"{cell.where} has two parameters {taken}")
        if keyword.iskeyword(name) or name in TAKEN:
            raise KernelSignatureError(f"{cell.where} has a parameter {name}, a reserved word; rename it")
        last = ROLES.index(role)
        seen.add(name)
    for role in ("Input", "State"):
        if all(p.role != role for p in cell.parameters):
            raise KernelSignatureError(f"{cell.where} has no {role}, expected one or more")


def check_gradient(gradient: Function, cell: Function, outputs: int) -> None:
    """Raises KernelSignatureError unless the parameters of a gradient by hand exist."""
    if outputs > 1:
        raise KernelSignatureError(
            f"{gradient.where}: the gradient of a recurrence with {outputs} outputs is always derived; remove it"
        )
    states = [p.name for p in cell.parameters if p.role == "State"]
    known = {f"Gradient grad_{name}" for name in (["output"] if outputs else []) + states}
    known |= {f"After {name}_t" for name in states} | {f"{p.role} {p.name}" for p in cell.parameters}
    for role, name, _ in gradient.parameters:
        if f"{role} {name}" not in known:
            raise KernelSignatureError(
                f"{gradient.where} has {role} {name}, expected one of {', '.join(sorted(known))}"
            )
