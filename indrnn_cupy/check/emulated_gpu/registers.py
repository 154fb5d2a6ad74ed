"""Instructions from registers to registers of the same thread, made ready to run."""

from collections.abc import Callable

import numpy as np

from .instructions import operation
from .lanes import Lanes, listed
from .ptx import DTYPES, Instruction

Execute = Callable[[np.ndarray], None]  # of the mask of active lanes


def compute(lanes: Lanes, instruction: Instruction) -> Execute:
    """Any instruction in the tables of instructions.py."""
    function, result, kinds = operation(instruction)
    place, *operands = instruction.operands
    destination = lanes.destination(place, result)
    sources = [lanes.source(operand, kind) for operand, kind in zip(operands, kinds, strict=True)]

    def execute(active: np.ndarray) -> None:
        np.copyto(destination, function(*sources), where=active, casting="same_kind")

    return execute


def move(lanes: Lanes, instruction: Instruction) -> Execute:
    """mov copies, packs several registers into a wider one, or unpacks."""
    (kind,), (place, origin) = instruction.types, instruction.operands
    if origin.startswith("{"):
        return pack(lanes, kind, place, listed(origin))
    if place.startswith("{"):
        return unpack(lanes, kind, listed(place), origin)
    return compute(lanes, instruction)


def pack(lanes: Lanes, kind: str, place: str, origins: list[str]) -> Execute:
    destination = lanes.destination(place, kind)
    sources = [lanes.source(origin, fraction(kind, origins)) for origin in origins]

    def execute(active: np.ndarray) -> None:
        packed = np.stack(sources, axis=1).view(destination.dtype).ravel()
        np.copyto(destination, packed, where=active)

    return execute


def unpack(lanes: Lanes, kind: str, places: list[str], origin: str) -> Execute:
    narrow = fraction(kind, places)
    destinations = [lanes.destination(place, narrow) for place in places]
    parts = lanes.source(origin, kind).view(DTYPES[narrow]).reshape(lanes.size, -1).T

    def execute(active: np.ndarray) -> None:
        for destination, part in zip(destinations, parts, strict=True):
            np.copyto(destination, part, where=active)

    return execute


def fraction(kind: str, parts: list[str]) -> str:
    """The type of one of several equal parts of a value."""
    return f"b{8 * DTYPES[kind].itemsize // len(parts)}"
