"""The instructions with which the threads of a warp exchange values, made ready to run."""

import numpy as np

from .faults import Fault
from .lanes import Lanes
from .memory import WARP
from .ptx import Instruction
from .registers import Execute

BIT = np.uint32(1) << np.arange(WARP, dtype=np.uint32)


def shuffle(lanes: Lanes, instruction: Instruction) -> Execute:
    """shfl.sync: each lane gets the value of another lane of its segment."""
    mode = sync_mode(instruction, "up", "down", "bfly", "idx")
    places, value, *rest = instruction.operands
    place, _, range_place = places.partition("|")
    destination, range_destination = lanes.destination(place, "b32"), lanes.destination(range_place or "_", "pred")
    source = lanes.source(value, "b32")
    selector, clamp, mask = (lanes.source(operand, "b32") for operand in rest)

    def execute(active: np.ndarray) -> None:
        check_mask(mask, active, lanes.alive)
        from_lane, in_range = shuffle_source(mode, selector, clamp, lanes.lane)
        shuffled = np.take_along_axis(by_warp(source), by_warp(from_lane), axis=1).ravel()
        np.copyto(range_destination, in_range, where=active)
        np.copyto(destination, shuffled, where=active)

    return execute


def vote(lanes: Lanes, instruction: Instruction) -> Execute:
    """vote.sync: the predicates of all active threads of a warp, combined."""
    mode = sync_mode(instruction, "ballot", "any", "all")
    place, predicate, members = instruction.operands
    destination = lanes.destination(place, instruction.types[0])
    says, mask = lanes.source(predicate, "pred"), lanes.source(members, "b32")

    def execute(active: np.ndarray) -> None:
        check_mask(mask, active, lanes.alive)
        yes, no = by_warp(active & says), by_warp(active & ~says)
        if mode == "ballot":
            answer = np.where(yes, BIT, 0).sum(axis=1, dtype=np.uint32)
        else:
            answer = yes.any(axis=1) if mode == "any" else ~no.any(axis=1)
        np.copyto(destination, np.repeat(answer, WARP), where=active)

    return execute


def sync_mode(instruction: Instruction, *known: str) -> str:
    """The mode of a .sync instruction, one of the known modes."""
    sync, mode = instruction.modifiers
    if sync != "sync" or mode not in known:
        raise ValueError(f"{sync}.{mode}")
    return mode


def by_warp(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, WARP)


def shuffle_source(
    mode: str, selector: np.ndarray, clamp: np.ndarray, lane: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The lane that each lane reads from, and whether the requested lane is in range (else it reads its own)."""
    selector, limit, segment = (bits.astype(np.int64) & 31 for bits in (selector, clamp, clamp >> 8))
    first, last = lane & segment, (lane & segment) | (limit & ~segment)
    wanted = {
        "up": lane - selector,
        "down": lane + selector,
        "bfly": lane ^ selector,
        "idx": first | (selector & ~segment),
    }[mode]
    in_range = wanted >= last if mode == "up" else wanted <= last
    return np.where(in_range, wanted, lane), in_range


def check_mask(mask: np.ndarray, active: np.ndarray, alive: np.ndarray) -> None:
    """The mask of a .sync instruction must name exactly those living threads of a warp that execute it."""
    named = (mask[:, None] & BIT) != 0
    members = np.repeat(by_warp(active), WARP, axis=0)
    wrong = active & ((named & np.repeat(by_warp(alive), WARP, axis=0)) != members).any(axis=1)
    if wrong.any():
        thread = wrong.argmax()
        raise Fault(
            f"wrong mask: {mask[thread]:#010x} of thread {thread}, "
            f"but the threads of the mask {BIT[members[thread]].sum():#010x} execute this"
        )
