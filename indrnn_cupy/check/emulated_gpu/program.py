"""Turns the instructions of a kernel into steps: functions on registers and memories that are looked up only once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .faults import UnknownInstruction
from .lanes import Lanes, listed
from .memory import Memory
from .ptx import DTYPES, Instruction, Kernel
from .registers import Execute, compute, move
from .warps import shuffle, vote

BETWEEN_REGISTERS = {"mov": move, "shfl": shuffle, "vote": vote}  # all others: `compute`
CACHE_HINTS = {"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "volatile"}
VECTORS = {"v2": 2, "v4": 4}


@dataclass
class Step:
    """An instruction ready to run. It computes (`execute`), jumps (`target`) or, with neither, waits at a barrier."""

    text: str
    guard: np.ndarray | None
    negated: bool
    execute: Execute | None = None
    target: int | None = None

    def active(self, lanes: np.ndarray) -> np.ndarray:
        """The lanes that pass the guard."""
        return lanes if self.guard is None else lanes & (self.guard != self.negated)


class Program:
    """The steps of a kernel for one launch; `held` has the values of its parameters."""

    def __init__(
        self, kernel: Kernel, lanes: Lanes, memories: Mapping[str, Memory], held: Mapping[str, np.ndarray]
    ) -> None:
        self.kernel, self.lanes, self.memories, self.held = kernel, lanes, memories, held
        self.steps = [self.step(instruction) for instruction in kernel.instructions]

    def step(self, instruction: Instruction) -> Step:
        guard = self.lanes.source(instruction.guard, "pred") if instruction.guard else None
        step = Step(instruction.text, guard, instruction.negated)
        match instruction.opcode, instruction.modifiers, instruction.operands:
            case "bra", () | ("uni",), (label,):
                step.target = self.kernel.labels[label]
            case "ret" | "exit", (), ():
                step.target = len(self.kernel.instructions)
            case "bar" | "barrier", ("sync",), ("0",):
                pass
            case "bar", ("warp", "sync"), _:
                step.execute = lambda active: None  # here every thread sees a store at once
            case _:
                try:
                    step.execute = self.execution(instruction)
                except (KeyError, ValueError, IndexError) as error:
                    raise UnknownInstruction(instruction.text, f"unreadable instruction ({error})") from error
        return step

    def execution(self, instruction: Instruction) -> Execute:
        match instruction.opcode, instruction.modifiers:
            case "ld", ("param",):
                return self.load_parameter(instruction)
            case "ld", _:
                return self.load(instruction)
            case "st", _:
                return self.store(instruction)
        return BETWEEN_REGISTERS.get(instruction.opcode, compute)(self.lanes, instruction)

    def load_parameter(self, instruction: Instruction) -> Execute:
        (kind,), (place, origin) = instruction.types, instruction.operands
        destination = self.lanes.destination(place, kind)
        value = self.held[origin.strip("[]")].view(DTYPES[kind])
        return lambda active: np.copyto(destination, value, where=active)

    def load(self, instruction: Instruction) -> Execute:
        (kind,), (places, origin) = instruction.types, instruction.operands
        memory, count = self.space(instruction)
        destinations = [self.lanes.destination(place, kind) for place in listed(places)]
        base, offset = self.lanes.address(origin)

        def execute(active: np.ndarray) -> None:
            threads = np.flatnonzero(active)
            loaded = memory.load(base[threads].astype(np.int64) + offset, threads, DTYPES[kind], count)
            for destination, values in zip(destinations, loaded, strict=True):
                destination[threads] = values

        return execute

    def store(self, instruction: Instruction) -> Execute:
        (kind,), (place, origins) = instruction.types, instruction.operands
        memory, _ = self.space(instruction)
        base, offset = self.lanes.address(place)
        sources = [self.lanes.source(origin, kind) for origin in listed(origins)]

        def execute(active: np.ndarray) -> None:
            threads = np.flatnonzero(active)
            values = np.stack([source[threads] for source in sources])
            memory.store(base[threads].astype(np.int64) + offset, threads, values)

        return execute

    def space(self, instruction: Instruction) -> tuple[Memory, int]:
        """The memory that a load or store names, and the length of its vector."""
        words = [word for word in instruction.modifiers if word not in CACHE_HINTS]
        count = VECTORS[words.pop()] if words and words[-1] in VECTORS else 1
        return self.memories[".".join(words) or "generic"], count
