"""A recurrence that is one function: what it declares, and the kernels that follow; see kernels/cell.cuh."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..runtime import source
from ..runtime.errors import KernelSignatureError
from .sequence import STEPS, SequenceKernel, sequence_kernel

ROLES = ("Input", "Weight", "State")
NUMBERS = 8192  # that a thread keeps for its lanes, in the first cache of a CPU's core


@dataclass(frozen=True)
class CellKernel(SequenceKernel):
    """A kernel whose text follows from the declaration of a cell."""

    cell: str = ""  # the text of the cell
    kernels: str = ""  # the text of its kernels

    def source(self) -> tuple[str, tuple[source.Parameter, ...]]:
        text = source.read(self.file, self.cell) + source.read("cell_kernels.cuh")
        return f'{text}#line 1 "the kernels of the cell"\n{self.kernels}', source.parse_parameters(self.parameters)

    __hash__ = SequenceKernel.__hash__


@dataclass(frozen=True)
class Cell:
    """The function of a file, by the roles of its parameters."""

    file: str  # where it is, or what it is called
    text: str
    name: str
    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    states: tuple[str, ...]
    has_output: bool  # that is no state

    @cached_property
    def key(self) -> str:
        """What the ops call it, in every process."""
        return f"{self.name}-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"

    @property
    def defines(self) -> tuple[str, ...]:
        counts = {"INPUTS": len(self.inputs), "WEIGHTS": len(self.weights), "STATES": len(self.states)}
        return f"CELL={self.name}", *(f"{k}={n}" for k, n in counts.items()), f"OUTPUT={int(self.has_output)}"

    @cached_property
    def kernels(self) -> tuple[CellKernel, CellKernel]:
        """Forward and backward."""
        (forward, one), (backward, other) = self._forward(), self._backward()
        forward, backward = (CellKernel(**vars(k), cell=self.text, kernels=one + other) for k in (forward, backward))
        return forward, backward

    def _forward(self) -> tuple[SequenceKernel, str]:
        inputs, weights, states = self._named("in_", "w_", "s_")
        first, last = [f"{s}_0" for s in states], [f"{s}_n" for s in states]
        outputs = ["y"] * self.has_output + states
        tensors = [
            *pointers("const scalar", inputs),
            *pointers("const real", weights),
            *pointers("const scalar", first),
        ]
        tensors += [*pointers("scalar", outputs), *pointers("scalar", last)]
        arguments = walks("along", inputs), ended(weights), ended(first), walks("along", outputs), ended(last)
        return self._kernel("forward", "along", tensors, (*inputs, *outputs), arguments)

    def _backward(self) -> tuple[SequenceKernel, str]:
        inputs, weights, states = self._named("in_", "w_", "s_")
        first, read = [f"{s}_0" for s in states], ["grad_y", *inputs]
        of_inputs, of_weights, of_states = self._named("grad_in_", "grad_w_", "grad_s_")
        of_first, of_last = [f"{s}_0" for s in of_states], [f"{s}_n" for s in of_states]
        tensors = [*pointers("const scalar", read + states + first), *pointers("const real", weights)]
        tensors += [*pointers("const scalar", of_last), *pointers("scalar", of_inputs)]
        tensors += [*pointers("real", of_weights), *pointers("scalar", of_first)]
        before = [f"against_one_before({s}, {s}_0, {s}_t, {s}_b)" for s in states]
        arguments = (
            *([*walks("against", read), *before], ended(weights), ended(of_last)),
            *(walks("against", of_inputs), ended(of_weights), ended(of_first)),
        )
        return self._kernel("backward", "against", tensors, (*read, *states, *of_inputs), arguments)

    def _named(self, *prefixes: str) -> list[list[str]]:
        """Names that cannot be those of anything else in a kernel."""
        groups = zip(prefixes, (self.inputs, self.weights, self.states), strict=True)
        return [[prefix + name for name in names] for prefix, names in groups]

    def _kernel(
        self, what: str, walk: str, tensors: list[str], sequences: tuple[str, ...], arguments: Iterable[list[str]]
    ) -> tuple[SequenceKernel, str]:
        strides = [f"long long {name}_t, long long {name}_b" for name in sequences]
        parameters = ", ".join([*tensors, STEPS, *strides]).replace("* ", "* __restrict__ ")
        passed = ", ".join(f"{{{', '.join(group)}}}" for group in arguments)
        text = (
            f'extern "C" __global__ void {self.name}_{what}({parameters})\n{{\n'
            "    Tile tile(T, B, H, lengths, reverse, chunk);\n"
            f"    cell_{what}(tile, {passed}, {walk}(resets, resets_t, resets_b));\n}}\n"
        )
        lanes = NUMBERS // (2 * len(self.weights) + 2 * len(self.states) + 1)
        tile = min(2048, max(64, 1 << lanes.bit_length() - 1))
        return sequence_kernel(self.file, f"{self.name}_{what}", ", ".join(tensors), sequences, tile=tile), text


def pointers(kind: str, names: Iterable[str]) -> list[str]:
    return [f"{kind}* {name}" for name in names]


def walks(way: str, names: Iterable[str]) -> list[str]:
    return [f"{way}({name}, {name}_t, {name}_b)" for name in names]


def ended(names: Iterable[str]) -> list[str]:
    return [*names, "nullptr"]


def declared(file: str, text: str) -> Cell:
    """The cell that a text declares."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.S)
    found = list(re.finditer(r"\bINLINE\s+auto\s+(\w+)\s*\(([^()]*)\)\s*\{", plain))
    cells = [match for match in found if any(re.search(rf"\b{role}\b", match[2]) for role in ROLES)]
    if len(cells) != 1:
        names = ", ".join(match[1] for match in cells) or "none"
        raise KernelSignatureError(
            f"{file} has {names}, expected one function `INLINE auto name(Input auto x, Weight auto w, State auto h)`"
        )
    (match,) = cells
    roles: dict[str, list[str]] = {role: [] for role in ROLES}
    where, last = f"{file}:{1 + plain.count(chr(10), 0, match.start())}: {match[1]}", 0
    for parameter in match[2].split(","):
        words = parameter.split()
        if len(words) != 3 or words[0] not in ROLES or words[1] != "auto" or not words[2].isidentifier():
            said = " ".join(words) or "nothing"
            raise KernelSignatureError(f"{where} has the parameter `{said}`, expected `Input auto x`, Weight or State")
        role, _, name = words
        if ROLES.index(role) < last:
            raise KernelSignatureError(f"{where} has {role} {name} late, expected inputs, then weights, then states")
        if any(name in names for names in roles.values()):
            raise KernelSignatureError(f"{where} has two parameters {name}")
        last = ROLES.index(role)
        roles[role].append(name)
    for role in ("Input", "State"):
        if not roles[role]:
            raise KernelSignatureError(f"{where} has no {role}, expected one or more")
    has_output = bool(re.search(r"\.\s*output\s*\(", plain))
    inputs, weights, states = (tuple(names) for names in roles.values())
    return Cell(file, text, match[1], inputs, weights, states, has_output)
