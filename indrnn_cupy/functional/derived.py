"""Recurrences of one's own as functions."""

from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

from torch import Tensor

from ..ops import derived
from ..ops.cell import Cell, declared
from ..runtime import source
from .arrays import takes_arrays
from .checks import check_like, check_sequence, check_state, check_steps, require_kernels

STEPS = {"lengths": None, "resets": None, "reverse": False, "batch_first": False}


class CellFunction:
    """A recurrence that one C++ function describes; see :func:`indrnn_cupy.recurrence`."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        derived.CELLS[cell.key] = cell
        self.__name__ = self.__qualname__ = cell.name
        initial = [f"{name}0" for name in cell.states]
        self.__doc__ = describe(cell)
        self.__signature__ = Signature(
            [Parameter(name, Parameter.POSITIONAL_ONLY) for name in (*cell.inputs, *cell.weights)]
            + [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in initial]
            + [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in STEPS.items()]
        )

    def __repr__(self) -> str:
        return f"<recurrence {self.__name__}{self.__signature__} of {self.cell.file}>"

    def __call__(self, *tensors: Tensor, **options: Any) -> tuple[Tensor, Any]:
        return _call(*tensors, cell=self.cell, **options)


@takes_arrays
def _call(*tensors: Tensor, cell: Cell, **options: Any) -> tuple[Tensor, Any]:
    initial = {f"{name}0": options.pop(f"{name}0", None) for name in cell.states}
    if unknown := options.keys() - STEPS.keys():
        raise TypeError(f"{cell.name} got {', '.join(sorted(unknown))}, expected {', '.join((*initial, *STEPS))}")
    steps = STEPS | options
    batch_first = steps.pop("batch_first")
    n_x, n_w = len(cell.inputs), len(cell.weights)
    if len(tensors) not in (n_x + n_w, 1 + n_w):
        names = ", ".join((*cell.inputs, *cell.weights))
        raise TypeError(
            f"{cell.name} got {len(tensors)} tensors, expected {names}, the inputs also side by side in one"
        )
    x, weights = tensors[: len(tensors) - n_w], tensors[len(tensors) - n_w :]
    B, width = check_sequence(cell.inputs[0], x[0], batch_first)
    if len(x) < n_x and width % n_x:
        raise ValueError(f"the inputs have shape {tuple(x[0].shape)}, expected {n_x} numbers for each hidden unit")
    H = width // n_x if len(x) < n_x else width
    for name, tensor in zip(cell.inputs[1:], x[1:], strict=False):
        check_like(name, tensor, tuple(x[0].shape), x[0], [x[0].dtype])
    for name, tensor in zip(cell.weights, weights, strict=True):
        check_like(name, tensor, (H,), x[0])
    for name, state in initial.items():
        check_state(name, state, (B, H), x[0])
    steps = check_steps(x[0], **steps, batch_first=batch_first)
    require_kernels(x[0].device, cell.name)
    if batch_first:
        x = tuple(part.transpose(0, 1) for part in x)
        steps["resets"] = None if steps["resets"] is None else steps["resets"].transpose(0, 1)
    y, *last = derived.run(cell, list(x), list(weights), list(initial.values()), **steps)
    return y.transpose(0, 1) if batch_first else y, last[0] if len(last) == 1 else tuple(last)


def describe(cell: Cell) -> str:
    """The docstring: the file's first comment, and shapes."""
    first = [line.removeprefix("//").strip() for line in cell.text.splitlines()]
    comment = first[
        : next((n for n, line in enumerate(cell.text.splitlines()) if not line.startswith("//")), len(first))
    ]
    last = ", ".join(f"{name}_n" for name in cell.states)
    return (
        f"{' '.join(comment)}\n\nArgs:\n    {', '.join(cell.inputs)}: inputs, (T, B, H) each, or side by side in one "
        f"tensor.\n    {', '.join(cell.weights) or 'no weights'}: weights, (H,) each.\n"
        f"    {', '.join(f'{name}0' for name in cell.states)}: initial states, (B, H) each; zeros if not given.\n"
        "    lengths, resets, reverse, batch_first: as in `indrnn_cupy.functional.indrnn`.\n\n"
        f"Returns the output, (T, B, H), and the last {'state' if len(cell.states) == 1 else 'states'} {last}, (B, H)."
    ).strip()


def read_cell(path: Any = None, text: str | None = None) -> Cell:
    """The cell of a file or of a text."""
    if (path is None) == (text is None):
        raise TypeError("expected the path of a .cu file, or source=, the text of one")
    if text is not None:
        return declared("the source of a recurrence", text)
    file = Path(path).absolute() if Path(path).is_file() else source.find(str(path))
    try:
        return declared(str(file), file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise source.KernelSourceError(f"cannot read the kernel file {file}: {error}") from None
