"""The recurrences defined by one function, by their names in the ops."""

from collections.abc import Sequence

from torch import Tensor

from ..runtime import source
from ..runtime.errors import KernelSignatureError
from .cell import Cell, read_cell
from .compiling import assume_constant_result

OWN: dict[str, Cell] = {}  # user-defined recurrences, by their names in the ops
_package: dict[tuple[str, int], Cell] = {}


def cell_of(key: str) -> Cell:
    """The cell of this name: "mingru ACTIVATION=Tanh" is kernels/mingru.cu with the macro ACTIVATION=Tanh."""
    if found := OWN.get(key) or _package.get((key, source.generation)):
        return found
    name, *words = key.split()
    options = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    cell, expected = (
        read_cell(path, options=options) for path in (source.find(f"{name}.cu"), source.KERNELS / f"{name}.cu")
    )
    if [p.role for p in cell.parameters] != [p.role for p in expected.parameters] or cell.name != expected.name:
        says, wants = (f"{c.name}({', '.join(f'{p.role} {p.name}' for p in c.parameters)})" for c in (cell, expected))
        raise KernelSignatureError(
            f"{cell.file} has {says}, expected {wants}; for other parameters use indrnn_cupy.recurrence"
        )
    return _package.setdefault((key, source.generation), cell)


def one_by_one(cell: Cell, x: Sequence[Tensor]) -> list[Tensor]:
    """The inputs of a cell, one by one; they may be side by side in one tensor."""
    return list(x) if len(x) == len(cell.inputs) else list(x[0].chunk(len(cell.inputs), -1))


@assume_constant_result
def facts(key: str) -> tuple[tuple[int, ...], int, bool, int]:
    """The inputs that backward reads, the number of inputs, whether the output is not a state, and the saved states."""
    cell = cell_of(key)
    return cell.kept, len(cell.inputs), cell.has_output, cell.more_states


def kept_inputs(cell: Cell, x: Sequence[Tensor], parts: int) -> list[Tensor]:
    """The inputs that backward reads, from the saved tensors; `parts`: the number of input tensors."""
    if parts == len(cell.inputs) or not x:
        return list(x)
    inputs = one_by_one(cell, x)
    return [inputs[n] for n in cell.kept]
