"""User-defined recurrences as functions."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from torch import Tensor

from ..ops.cell import Cell
from ..ops.cells import OWN
from .arrays import takes_arrays
from .checks import check_chunk, kept_every
from .plain import plain_form
from .run import Call, run

STEPS = ("lengths", "resets", "reverse", "batch_first")
OPTIONS = {
    "lengths": None,
    "resets": None,
    "reverse": False,
    "batch_first": False,
    "memory": "store",
    "every": None,
    "chunk": None,
}


class CellFunction:
    """A recurrence defined by one C++ function; see :func:`indrnn_cupy.recurrence`."""

    def __init__(self, cell: Cell, reference: Callable[..., Any] | None = None) -> None:
        self.cell, self.reference = OWN.setdefault(cell.key, cell), reference
        self.__name__ = self.__qualname__ = cell.name
        initial = [f"{name}0" for name in cell.states]
        self.__doc__ = describe(cell)
        self.__signature__ = Signature(
            [Parameter(name, Parameter.POSITIONAL_ONLY) for name in (*cell.inputs, *cell.weights)]
            + [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in initial]
            + [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in OPTIONS.items()]
        )

    def __repr__(self) -> str:
        return f"<recurrence {self.__name__}{self.__signature__} of {self.cell.file}>"

    def __call__(self, *tensors: Tensor, **options: Any) -> tuple[Tensor, Any]:
        return _run(*tensors, function=self, **options)

    def call(self, *tensors: Tensor, **options: Any) -> Call:
        """A call with these inputs and weights; `options` are initial states, memory, every, chunk and batch_first."""
        cell = self.cell
        initial = {f"{name}0": options.get(f"{name}0") for name in cell.states}
        n_x, n_w = len(cell.inputs), len(cell.weights)
        expected = ", ".join((*cell.inputs, *cell.weights))
        if len(tensors) not in (n_x + n_w, 1 + n_w):
            raise TypeError(
                f"{cell.name} got {len(tensors)} tensors, expected {expected}; the inputs may be side by side in one"
            )
        x, of_weights = tensors[: len(tensors) - n_w], tensors[len(tensors) - n_w :]
        H = (x[0].shape[-1] / n_x,) if isinstance(x[0], Tensor) and x[0].dim() else ()
        odd = [w for w in of_weights if isinstance(w, Tensor) and (w.dim() > 2 or w.shape[-1:] != H)]
        if len(x) < n_x and odd:
            raise TypeError(
                f"{cell.name} got {len(tensors)} tensors, expected {expected}; or "
                f"{' and '.join(cell.inputs)} side by side in one, with {n_x} elements for each hidden unit"
            )
        names = cell.inputs if len(x) == n_x else (f"x, with {', '.join(cell.inputs)} side by side,",)
        rows = [n if p.rows else None for p, n in zip(cell.parameters[n_x : n_x + n_w], cell.rows, strict=True)]
        weights = dict(zip(cell.weights, zip(tensors[len(x) :], rows, strict=True), strict=True))
        options = OPTIONS | options
        check_chunk(options["chunk"])
        memory = options["memory"], options["every"]
        every = kept_every(*memory, x[0], options["batch_first"]) if cell.more_states else 1
        if every > 1 and cell.has_output and not cell.kept:
            raise ValueError(
                f"memory='recompute' needs the inputs, which {cell.name}_gradient does not take; use memory='store'"
            )
        plain = self.reference and plain_form(cell, self.reference, tensors, initial.values())
        return Call(cell.key, plain, n_x, dict(zip(names, x, strict=True)), weights, initial, options["chunk"], every)


@takes_arrays
def _run(*tensors: Tensor, function: CellFunction, **options: Any) -> tuple[Tensor, Any]:
    cell = function.cell
    known = [*(f"{name}0" for name in cell.states), *OPTIONS]
    if unknown := options.keys() - set(known):
        by_position = f"; {', '.join((*cell.inputs, *cell.weights))} are passed by position"
        raise TypeError(f"{cell.name} got {', '.join(sorted(unknown))}, expected {', '.join(known)}{by_position}")
    call = function.call(*tensors, **options)
    steps: dict[str, Any] = {name: options.get(name, OPTIONS[name]) for name in STEPS}
    return run(call, **steps)


def describe(cell: Cell) -> str:
    """The docstring: the first comment of the file, and the shapes."""
    lines = cell.text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("//")), len(lines))
    comment = " ".join(line.removeprefix("//").strip() for line in lines[:end])
    shapes = (
        f"{p.name}, {f'({r}, H)' if p.rows else '(H,)'}"
        for p, r in zip(cell.parameters, cell.rows_of_all, strict=True)
        if p.role == "Weight"
    )
    last = ", ".join(f"{name}_n" for name in cell.states)
    return (
        f"{comment}\n\nArgs:\n    {', '.join(cell.inputs)}: inputs, (T, B, H) each, or side by side in one tensor.\n"
        f"    Weights: {'; '.join(shapes) or 'none'}.\n"
        f"    {', '.join(f'{name}0' for name in cell.states)}: initial states, (B, H) each; zeros if not given.\n"
        "    lengths, resets, reverse, batch_first: as in `indrnn_cupy.functional.indrnn`.\n"
        "    memory, every: the states saved for backward: 'store', all; or 'recompute', every `every`-th step.\n"
        "    chunk: as in `indrnn_cupy.functional.mingru`, for a recurrence with one state.\n\n"
        f"Returns the output, (T, B, H), and the last {'state' if len(cell.states) == 1 else 'states'} {last}, (B, H)."
    ).strip()
