"""The kernels of a recurrence defined by one function: their parameter lists and source, from its declaration."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ..runtime import source
from .cell import Cell
from .chunks import Summary
from .declaration import Parameter
from .sequence import STEPS, SequenceKernel, sequence_kernel

CACHED_VALUES = 10240  # that a thread keeps for its lanes, in the L1 cache of a CPU core


@dataclass(frozen=True, eq=False)
class CellKernel(SequenceKernel):
    """A kernel that calls a function of a header, such as cell_forward.cuh, with its tensors."""

    cell: Cell | None = None
    function: str = ""  # the header
    text: str = ""

    __eq__ = object.__eq__  # kernels with the same name and parameters may have different bodies
    __hash__ = object.__hash__

    def source(self) -> tuple[str, tuple[source.Parameter, ...]]:
        assert self.cell
        parts = (
            *(source.read(self.cell.file, self.cell.code), functions(self.cell)),
            *(source.read(self.function), '#line 1 "the kernel"', self.text),
        )
        return "\n".join(parts), source.parse_parameters(self.parameters)


class CellKernels(NamedTuple):
    """The kernels of a recurrence, with tensors in the order of the functions that they call."""

    forward: CellKernel
    backward: CellKernel
    states: CellKernel  # recomputes states; for cells that save more than the output
    tangent: CellKernel
    forward_chunks: Summary | None
    backward_chunks: Summary | None


class BlockKernels(NamedTuple):
    """The kernels of a recurrence with a norm and a dropout; see norm.cuh."""

    forward: CellKernel
    measured: CellKernel  # forward, which also measures statistics for a norm
    normalized: CellKernel  # forward with a norm whose statistics are known
    of_scaled: CellKernel  # backward of that, and of a norm with its own statistics
    of_normalized: CellKernel
    states: CellKernel


class Argument(NamedTuple):
    """An argument of such a function: the tensors that it is made of, and its text."""

    tensors: list[str]  # C parameters
    sequences: list[str]  # the names of those that are sequences
    text: str


def walked(kind: str, names: Iterable[str], walk: str = "along({0}, {0}_t, {0}_b)") -> Argument:
    names = list(names)
    return Argument([f"{kind}* {n}" for n in names], names, ", ".join(walk.format(n) for n in names))


def side_by_side(kind: str, name: str, parts: int, walk: str = "along({0} + {1} * H, {0}_t, {0}_b)") -> Argument:
    """Sequences side by side in one tensor."""
    text = ", ".join(walk.format(name, part) for part in range(parts))
    return Argument([f"{kind}* {name}"] * bool(parts), [name] * bool(parts), text)


AGAINST = "against({0}, {0}_t, {0}_b)"
BEFORE = "against_one_before({0}, {0}_0, {0}_t, {0}_b)"


def pointers(kind: str, names: Iterable[str], rows: Iterable[int] | None = None) -> Argument:
    """One pointer for each row, and one more, as C++ has no empty arrays."""
    names = list(names)
    each = [f"{n} + {i} * H" for n, r in zip(names, rows or [1] * len(names), strict=True) for i in range(r)]
    return Argument([f"{kind}* {n}" for n in names], [], ", ".join((*each, "nullptr")))


def joined(*parts: Argument) -> Argument:
    tensors = [tensor for part in parts for tensor in part.tensors]
    sequences = [name for part in parts for name in part.sequences]
    return Argument(tensors, sequences, f"{{{', '.join(part.text for part in parts if part.text)}}}")


def led_by(name: str, argument: Argument) -> Argument:
    """The argument with this sequence first, which determines the shape of all."""
    tensors = sorted(argument.tensors, key=lambda t: t.split()[-1] != name)
    return Argument(tensors, sorted(argument.sequences, key=lambda n: n != name), argument.text)


def pointer(kind: str, name: str) -> Argument:
    return Argument([f"{kind}* {name}"], [], name)


def mode(name: str, *numbers: str, kind: str = "const real") -> Argument:
    """A mode of norm.cuh, with pointers to its arguments."""
    return Argument([f"{kind}* {n}" for n in numbers], [], f"{name}({', '.join(numbers)})")


class Tensors(NamedTuple):
    """The tensors of a cell's passes."""

    read: tuple[Argument, ...]  # inputs and weights
    forward: tuple[Argument, ...]
    history: Argument  # the sequences that backward reads
    with_output: Argument  # the same with the output, if it is not a state
    backward: tuple[Argument, ...]  # the rest
    states: tuple[Argument, ...]
    tangent: tuple[Argument, ...]


@cache
def tensors_of(cell: Cell) -> Tensors:
    x, w, s = (
        [f"{prefix}{n}" for n in range(len(names))]  # generated, so that no name in a text matters
        for prefix, names in (("x", cell.inputs), ("w", cell.weights), ("s", cell.states))
    )
    kept, first, last = [x[n] for n in cell.kept], [f"{name}_0" for name in s], [f"{name}_n" for name in s]
    weights, before = joined(pointers("const real", w, cell.rows)), joined(pointers("const real", first))
    is_state = not cell.has_output  # the output
    read = joined(walked("const scalar", x)), weights
    past = (
        side_by_side("const scalar", "grad_y", cell.parts, "against({0} + {1} * H, {0}_t, {0}_b)"),
        walked("const scalar", kept, AGAINST),
        walked("const scalar", s, BEFORE),
        Argument([f"const scalar* {name}" for name in first], [], ""),
    )
    return Tensors(
        read,
        (
            *(*read, before, joined(side_by_side("scalar", "y", cell.outputs), walked("scalar", s))),
            joined(pointers("real", last)),
        ),
        led_by("s0", joined(*past)),
        led_by("s0", joined(*past, walked("const scalar", ["y"] * cell.has_output, AGAINST))),
        (
            *(weights, joined(pointers("const real", [f"grad_{name}" for name in last]))),
            joined(walked("scalar", [f"grad_{name}" for name in x], AGAINST)),
            *(pointer("const real", "sums_after"), pointer("real", "sums")),
            joined(pointers("real", [f"grad_{name}" for name in first])),
        ),
        (
            *(joined(walked("const scalar", s[:is_state] + kept)), weights, before),
            joined(walked("scalar", s[is_state:])),
        ),
        (
            joined(walked("const scalar", [*x, *(f"d_{name}" for name in x)])),
            *(weights, joined(pointers("const real", [f"d_{name}" for name in w], cell.rows))),
            *(before, joined(pointers("const real", [f"d_{name}" for name in first]))),
            *(
                joined(side_by_side("scalar", "d_y", cell.parts)),
                joined(pointers("real", [f"d_{name}" for name in last])),
            ),
        ),
    )


@cache
def kernels(cell: Cell) -> CellKernels:
    """The kernels of a cell."""
    t = tensors_of(cell)
    chunks: list[Summary | None] = [None, None]
    if len(cell.states) == 1:
        summary = pointer("real", "summary")
        for place, what, tensors in ((0, "forward", t.read), (1, "backward", (t.history, t.read[1]))):
            takes = sum(len(argument.tensors) for argument in tensors)
            sums = (None, takes + len(cell.inputs) + 2)[place] if cell.weights else None
            found = kernel(cell, f"{what}_summary", (*tensors, summary))
            chunks[place] = Summary(found, takes, clamped=not place, sums=sums)
    return CellKernels(
        kernel(cell, "forward", (*t.forward, mode("AsItIs"))),
        kernel(cell, "backward", (t.history, *t.backward, mode("OfOutput"))),
        kernel(cell, "states", (*t.states, mode("AsItIs"))),
        kernel(cell, "tangent", t.tangent),
        *chunks,
    )


@cache
def block_kernels(cell: Cell, biased: bool) -> BlockKernels:
    """The kernels with a norm and a dropout; `biased`: also with a bias of the inputs."""
    t = tensors_of(cell)

    def made(what: str, tensors: Iterable[Argument], of: Argument, name: str, *sums: str) -> CellKernel:
        if biased:
            numbers = [*of.tensors, "const real* bias_of_inputs", *(f"real* {n}" for n in sums)]
            kind, names = of.text.partition("(")[0], ", ".join((of.text, "bias_of_inputs", *sums))
            of, name = Argument(numbers, [], f"Biased<{kind}>({names})"), f"{name}_biased"
        return kernel(cell, what, (*tensors, of), name)

    of_normalized = mode("OfNormalized", "rate", "mask", "mean", "by_output", "all")
    return BlockKernels(
        made("forward", t.forward, mode("AsItIs"), "") if biased else kernels(cell).forward,
        made("forward", t.forward, mode("Measured", "statistics", kind="real"), "_measured"),
        made("forward", t.forward, mode("Normalized", "mean", "rate", "bias", "mask"), "_normalized"),
        made("backward", (t.history, *t.backward), mode("OfScaled", "rate", "mask"), "_of_scaled", "bias_sums"),
        made("backward", (t.with_output, *t.backward), of_normalized, "_of_normalized", "bias_sums"),
        made("states", t.states, mode("AsItIs"), "") if biased else kernels(cell).states,
    )


def kernel(cell: Cell, what: str, arguments: Iterable[Argument], mode: str = "") -> CellKernel:
    """The kernel that calls the function `cell_{what}` with these arguments and the resets."""
    arguments = list(arguments)
    tensors, sequences, _ = joined(*arguments)
    texts = [argument.text for argument in arguments]
    strides = [f"long long {name}_t, long long {name}_b" for name in sequences]
    parameters = ", ".join((*tensors, STEPS, *strides)).replace("* ", "* __restrict__ ")
    name = f"{cell.name}_{what}{mode}"
    text = (
        f'extern "C" __global__ void {name}({parameters})\n{{\n'
        "    Tile tile(T, B, H, lengths, reverse, chunk);\n"
        f"    cell_{what}(tile, {', '.join(texts)}, along(resets, resets_t, resets_b));\n}}\n"
    )
    if "against(" in text:
        text = text.replace("along(resets", "against(resets")
    rows, states = sum(cell.rows), len(cell.states)
    lanes = CACHED_VALUES // (2 * rows + 2 * states + 1 + (4 + 2 * len(cell.inputs) if mode else 0))
    tile = min(2048, max(64, 1 << lanes.bit_length() - 1))
    made = sequence_kernel(cell.file, name, ", ".join(tensors), tuple(sequences), tile=tile)
    counts = {"INPUTS": len(cell.inputs), "WEIGHTS": rows, "STATES": states, "KEPT": len(cell.kept)}
    counts |= {"OUTPUT": cell.outputs, "BY_HAND": int(cell.by_hand is not None)}
    counts |= {"AFTER": int(cell.by_hand is not None and any(p.role == "After" for p in cell.by_hand))}
    counts |= {"UNKEPT": sum(1 << n for n in range(len(cell.inputs)) if n not in cell.kept)}
    counts |= {"SLOPES": 1} if what == "tangent" else {}
    options = tuple(f"{name}={value}" for name, value in (*cell.options, *counts.items()))
    return CellKernel(**vars(made) | {"defines": options}, cell=cell, function=f"cell_{what}.cuh", text=text)


def functions(cell: Cell) -> str:
    """The source that calls the functions of a cell."""
    places, place = {}, 0
    for parameter, rows in zip(cell.parameters, cell.rows_of_all, strict=True):
        places[parameter.name] = place, rows
        place += rows
    calls = [
        f"numbers.template {'row' if p.rows else 'at'}<{n}{f', {rows}' if p.rows else ''}>()"
        for p, (n, rows) in zip(cell.parameters, places.values(), strict=True)
    ]
    inputs = [f"n[{n}] = {f'kept[{cell.kept.index(n)}]' if n in cell.kept else '0'};" for n in range(len(cell.inputs))]
    text = f"""#line 1 "the functions of the cell"
template <class N> INLINE auto step(const N& numbers) {{ return returned({cell.name}({", ".join(calls)})); }}
INLINE void place_inputs(real* n, const real* kept) {{ {" ".join(inputs)} }}
"""
    if cell.by_hand is None:
        return text
    given = [_given(p, cell, places) for p in cell.by_hand]
    return text + (
        "INLINE auto gradient_by_hand(const real* grads, const real* after, const real* n) "
        f"{{ return {cell.name}_gradient({', '.join(given)}); }}\n"
    )


def _given(parameter: Parameter, cell: Cell, places: dict[str, tuple[int, int]]) -> str:
    """The argument for a parameter of a gradient by hand."""
    if parameter.role == "Gradient":
        names = ["output"] * cell.has_output + list(cell.states)
        return f"grads[{names.index(parameter.name.removeprefix('grad_'))}]"
    if parameter.role == "After":
        return f"after[{cell.states.index(parameter.name.removesuffix('_t'))}]"
    place, _ = places[parameter.name]
    return f"n + {place}" if parameter.rows else f"n[{place}]"
