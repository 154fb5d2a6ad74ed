"""A recurrence defined by one function, as its text declares it; see kernels/cell.cuh."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..runtime import source
from ..runtime.errors import KernelSignatureError, KernelSourceError, shown
from .declaration import ROLES, Parameter, check, check_gradient, functions, option, outputs_of, without_comments

MOST_VALUES = 32  # of a step: bits of a mask


@dataclass(eq=False)
class Cell:
    """The function of a file, by the roles of its parameters."""

    file: str  # its path, or a description
    text: str
    code: str  # the text with headers other than the package's inlined, as they were when it was read
    name: str
    parameters: tuple[Parameter, ...]
    outputs: int  # that are not states; if 0, the output is the first state
    by_hand: tuple[Parameter, ...] | None = None  # the parameters of a gradient by hand
    options: tuple[tuple[str, str], ...] = ()  # macros for the text

    def __post_init__(self) -> None:
        """Sets derived values as plain attributes, which torch.compile can read."""
        names = {role: tuple(p.name for p in self.parameters if p.role == role) for role in ROLES}
        self.inputs, self.weights, self.states = names.values()
        chosen = dict(self.options)
        each = [chosen.get(p.rows, p.rows) or "1" for p in self.parameters]
        if wrong := [r for r in each if not r.isdecimal() or not int(r)]:
            raise KernelSignatureError(
                f"{self.file}: {self.name} has a weight of {wrong[0]} rows, expected a number, or an option with one"
            )
        if (total := sum(map(int, each))) > MOST_VALUES:
            raise KernelSignatureError(f"{self.file}: {self.name} has {total} values, expected at most {MOST_VALUES}")
        plain = without_comments(self.text)
        for (_, name, _), rows in zip(self.parameters, each, strict=True):
            for row in re.findall(rf"\b{name}\s*\[\s*(\d+)\s*\]", plain):
                if int(row) >= int(rows):
                    raise KernelSignatureError(f"{self.file} has {name}[{row}], expected 0 to {int(rows) - 1}")
        # The number of rows of each parameter, and of each weight.
        self.rows_of_all = tuple(map(int, each))
        self.rows = self.rows_of_all[len(self.inputs) : len(each) - len(self.states)]
        taken = None if self.by_hand is None else {p.name for p in self.by_hand}
        # The inputs that are saved for backward, and the number of saved states, without the output.
        self.kept = tuple(n for n, name in enumerate(self.inputs) if taken is None or name in taken)
        self.has_output, self.parts = self.outputs > 0, max(1, self.outputs)  # parts side by side in y
        self.more_states = len(self.states) - 1 + self.has_output
        lines = re.sub(r'^#line \d+ ".*"$', "", self.code, flags=re.M).encode(errors="replace")
        words = [f"{self.name}-{hashlib.sha256(lines).hexdigest()[:16]}"]
        words += [f"{name}={value}" for name, value in self.options] + ["derived"] * (self.by_hand is None)
        self.key = " ".join(words)  # its name in the ops, in every process

    def weight_shapes(self, H: int) -> list[tuple[int, ...]]:
        weights = [p for p in self.parameters if p.role == "Weight"]
        return [(r, H) if p.rows else (H,) for p, r in zip(weights, self.rows, strict=True)]

    def derived(self) -> "Cell":
        """The cell without its gradient by hand."""
        return replace(self, by_hand=None)


def read_cell(path: Any = None, text: str | None = None, options: Mapping[str, Any] | None = None) -> Cell:
    """The cell of a file or of a text, with `options` as macros for the text."""
    if (path is None) == (text is None):
        raise TypeError("expected the path of a .cu file, or source=, the text of one")
    if text is not None:
        return declared("the source of a recurrence", text, options or {})
    if "INLINE" in str(path):
        raise KernelSourceError("expected the path of a .cu file, got its text; pass a text as source=")
    file = Path(path).absolute()
    try:
        return declared(str(file), file.read_text(encoding="utf-8-sig"), options or {})
    except FileNotFoundError:
        raise KernelSourceError(f"there is no file {shown(file)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KernelSourceError(f"cannot read the kernel file {shown(file)}: {error}") from None


def declared(file: str, text: str, options: Mapping[str, Any]) -> Cell:
    """The cell that a text declares."""
    plain = without_comments(text)
    found = list(functions(file, plain))
    cells = [f for f in found if not f.name.endswith("_gradient")]
    if len(cells) != 1:
        what = "the functions " + ", ".join(f.name for f in cells) if cells else "no function of this form"
        raise KernelSignatureError(
            f"{file} has {what}, expected one function `INLINE auto name(Input auto x, Weight auto w, State auto h) {{`"
        )
    (cell,) = cells
    check(cell)
    if plain.count("{") != plain.count("}"):
        raise KernelSignatureError(f"{file} has {plain.count('{')} opening and {plain.count('}')} closing braces")
    code = source.with_own_headers(file, text)
    if not re.search(r'^\s*#\s*include\s*"', code, flags=re.M):
        raise KernelSignatureError(f'{file} lacks the line `#include "cell.cuh"`, which must come before {cell.name}')
    outputs = outputs_of(without_comments(code))
    gradients = [f for f in found if f.name.endswith("_gradient")]
    if other := [f for f in gradients if f.name != f"{cell.name}_gradient"]:
        raise KernelSignatureError(f"{other[0].where} is not the gradient of the cell, expected {cell.name}_gradient")
    by_hand = gradients[0] if gradients else None
    if by_hand:
        check_gradient(by_hand, cell, outputs)
    chosen = tuple(option(name, value) for name, value in options.items())
    return Cell(file, text, code, cell.name, cell.parameters, outputs, by_hand and by_hand.parameters, chosen)
