"""A recurrence that is one function: what it declares; see kernels/cell.cuh."""

import hashlib
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..runtime import source
from ..runtime.errors import KernelSignatureError, KernelSourceError, shown

ROLES = ("Input", "Weight", "State")
TAKEN = re.findall(  # words of C++, and the options of a call
    r"\w+",
    "auto bool case catch char const default delete do double enum explicit float goto int long new operator private "
    "public short signed sizeof static struct switch template this throw typedef union unsigned void volatile real "
    "scalar lengths resets reverse batch_first memory every chunk",
)
OWN_NAMES = re.findall(  # that the package gives the compiler
    r"\w+",
    "AFTER BY_HAND CHUNKS CLAMPED INPUTS KEPT LANES OUTPUT PREFETCH REAL RESETS SCALAR SLOPES STATES STREAM THREADS "
    "TILE UNKEPT VARIABLES WEIGHTS",
)
MOST_NUMBERS = 32  # of a step: bits of a mask


class Parameter(NamedTuple):
    role: str
    name: str
    rows: str = ""  # of a weight (rows, H): how many, or the option that says so


@dataclass(eq=False)
class Cell:
    """The function of a file, by the roles of its parameters."""

    file: str  # where it is, or what it is called
    text: str
    code: str  # the text with the headers that are not the package's in place, as they were when it was read
    name: str
    parameters: tuple[Parameter, ...]
    has_output: bool  # that is no state
    by_hand: tuple[Parameter, ...] | None = None  # those of a gradient by hand
    options: tuple[tuple[str, str], ...] = ()  # what names in the text stand for

    def __post_init__(self) -> None:
        """What follows from these, in plain attributes, which torch.compile reads."""
        names = {role: tuple(p.name for p in self.parameters if p.role == role) for role in ROLES}
        self.inputs, self.weights, self.states = names.values()
        chosen = dict(self.options)
        each = [chosen.get(p.rows, p.rows) or "1" for p in self.parameters]
        if wrong := [r for r in each if not r.isdecimal() or not int(r)]:
            raise KernelSignatureError(
                f"{self.file}: {self.name} has a weight of {wrong[0]} rows, expected a number, or an option that is one"
            )
        if (total := sum(map(int, each))) > MOST_NUMBERS:
            raise KernelSignatureError(f"{self.file}: {self.name} has {total} numbers, expected at most {MOST_NUMBERS}")
        # How many numbers each parameter stands for, and each weight.
        self.rows_of_all = tuple(map(int, each))
        self.rows = self.rows_of_all[len(self.inputs) : len(each) - len(self.states)]
        taken = None if self.by_hand is None else {p.name for p in self.by_hand}
        # The inputs that backward reads, and the number of states that are kept for it beside the output.
        self.kept = tuple(n for n, name in enumerate(self.inputs) if taken is None or name in taken)
        self.more_states = len(self.states) - 1 + self.has_output
        lines = re.sub(r'^#line \d+ ".*"$', "", self.code, flags=re.M).encode(errors="replace")
        words = [f"{self.name}-{hashlib.sha256(lines).hexdigest()[:16]}"]
        words += [f"{name}={value}" for name, value in self.options] + ["derived"] * (self.by_hand is None)
        self.key = " ".join(words)  # what the ops call it, in every process

    def weight_shapes(self, H: int) -> list[tuple[int, ...]]:
        weights = [p for p in self.parameters if p.role == "Weight"]
        return [(r, H) if p.rows else (H,) for p, r in zip(weights, self.rows, strict=True)]

    def derived(self) -> "Cell":
        """The cell without its gradient by hand."""
        return replace(self, by_hand=None)


def read_cell(path: Any = None, text: str | None = None, options: Mapping[str, Any] | None = None) -> Cell:
    """The cell of a file or of a text, with names in the text standing for what `options` says."""
    if (path is None) == (text is None):
        raise TypeError("expected the path of a .cu file, or source=, the text of one")
    if text is not None:
        return declared("the source of a recurrence", text, options or {})
    file = Path(path).absolute() if Path(path).is_file() else source.find(str(path))
    try:
        return declared(str(file), file.read_text(encoding="utf-8-sig"), options or {})
    except (OSError, UnicodeDecodeError) as error:
        raise KernelSourceError(f"cannot read the kernel file {shown(file)}: {error}") from None


class Function(NamedTuple):
    """A function as it stands in a text."""

    where: str
    name: str
    parameters: tuple[Parameter, ...]


def declared(file: str, text: str, options: Mapping[str, Any]) -> Cell:
    """The cell that a text declares."""
    plain = without_comments(text)
    functions = list(_functions(file, plain))
    cells = [f for f in functions if not f.name.endswith("_gradient")]
    if len(cells) != 1:
        names = ", ".join(f.name for f in cells) or "none"
        raise KernelSignatureError(
            f"{file} has {names}, expected one function `INLINE auto name(Input auto x, Weight auto w, State auto h)`"
        )
    (cell,) = cells
    _check(cell)
    code = source.with_own_headers(file, text)
    has_output = bool(re.search(r"\.\s*output\s*\(", without_comments(code)))
    gradients = [f for f in functions if f.name.endswith("_gradient")]
    if other := [f for f in gradients if f.name != f"{cell.name}_gradient"]:
        raise KernelSignatureError(f"{other[0].where} is the gradient of no cell, expected {cell.name}_gradient")
    by_hand = gradients[0] if gradients else None
    if by_hand:
        _check_gradient(by_hand, cell, has_output)
    chosen = tuple(_option(name, value) for name, value in options.items())
    return Cell(file, text, code, cell.name, cell.parameters, has_output, by_hand and by_hand.parameters, chosen)


def without_comments(text: str) -> str:
    """The text with its lines where they were."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.S)


def _option(name: str, value: Any) -> tuple[str, str]:
    """A name that the compiler is given, and its value."""
    if not re.fullmatch(r"[A-Za-z]\w+", name) or name in OWN_NAMES:
        raise KernelSignatureError(
            f"define has the name {name!r}, expected a word of two letters or more that is not the package's own"
        )
    return name, str(int(value) if isinstance(value, bool) else value)


def _functions(file: str, plain: str) -> Iterator[Function]:
    """Those of whose parameters any has a role."""
    roles = "|".join((*ROLES, "Weights", "Gradient", "After"))
    for match in re.finditer(r"\bINLINE\s+auto\s+(\w+)\s*\(([^()]*)\)\s*\{", plain):
        if re.search(rf"\b({roles})\b", match[2]):
            where = f"{file}:{1 + plain.count(chr(10), 0, match.start())}: {match[1]}"
            yield Function(where, match[1], tuple(_parameter(where, text) for text in match[2].split(",")))


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


def _check(cell: Function) -> None:
    """Raises KernelSignatureError unless inputs, weights and states come in this order, with names of their own."""
    last, seen = 0, set()
    for role, name, _ in cell.parameters:
        if role not in ROLES:
            raise KernelSignatureError(f"{cell.where} has {role} {name}, which only {cell.name}_gradient may have")
        if ROLES.index(role) < last:
            raise KernelSignatureError(
                f"{cell.where} has {role} {name} late, expected inputs, then weights, then states"
            )
        if name in seen or (f"{name}0" in seen and role == "State"):
            taken = name if name in seen else f"{name}0, which is what the first state {name} is called"
            raise KernelSignatureError(f"{cell.where} has two parameters {taken}")
        if keyword.iskeyword(name) or name in TAKEN:
            raise KernelSignatureError(f"{cell.where} has a parameter {name}, a word of Python or C++; rename it")
        last = ROLES.index(role)
        seen.add(name)
    for role in ("Input", "State"):
        if all(p.role != role for p in cell.parameters):
            raise KernelSignatureError(f"{cell.where} has no {role}, expected one or more")


def _check_gradient(gradient: Function, cell: Function, has_output: bool) -> None:
    """Raises KernelSignatureError unless the parameters of a gradient by hand are there to be given."""
    states = [p.name for p in cell.parameters if p.role == "State"]
    known = {f"Gradient grad_{name}" for name in (["output"] if has_output else []) + states}
    known |= {f"After {name}_t" for name in states} | {f"{p.role} {p.name}" for p in cell.parameters}
    for role, name, _ in gradient.parameters:
        if f"{role} {name}" not in known:
            raise KernelSignatureError(f"{gradient.where} has {role} {name}, expected of {', '.join(sorted(known))}")
