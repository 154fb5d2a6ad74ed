"""The threads of one block as lanes of numpy arrays: their registers, and the operands of instructions on them."""

import re

import numpy as np

from .memory import SHARED_BASE, WARP
from .ptx import DTYPES, Kernel

Triple = tuple[int, int, int]
REGISTER = re.compile(r"\[([%$\w]+)(?:\s*\+\s*(-?\w+))?\]")


class Lanes:
    """One array per register, one element per thread, padded with idle threads to whole warps."""

    def __init__(self, kernel: Kernel, grid: Triple, block: Triple) -> None:
        self.threads = block[0] * block[1] * block[2]
        self.size = -(-self.threads // WARP) * WARP
        self.lane = np.arange(self.size) % WARP
        self.alive = np.zeros(self.size, bool)
        self.registers = {name: np.zeros(self.size, DTYPES[kind]) for name, kind in kernel.registers.items()}
        self.constants = {name: SHARED_BASE + offset for name, offset in kernel.shared.items()} | {"WARP_SZ": WARP}
        thread = np.arange(self.size, dtype=np.uint32)
        self.special = {
            "%laneid": thread % WARP,
            "%tid.x": thread % block[0],
            "%tid.y": thread // block[0] % block[1],
            "%tid.z": thread // (block[0] * block[1]),
        }
        for axis, threads, blocks in zip("xyz", block, grid, strict=True):
            self.special[f"%ntid.{axis}"] = np.full(self.size, threads, np.uint32)
            self.special[f"%nctaid.{axis}"] = np.full(self.size, blocks, np.uint32)
            self.special[f"%ctaid.{axis}"] = np.zeros(self.size, np.uint32)

    def begin(self, block_index: Triple) -> None:
        """Starts all threads of a new block."""
        self.alive[:] = np.arange(self.size) < self.threads
        for axis, index in zip("xyz", block_index, strict=True):
            self.special[f"%ctaid.{axis}"][:] = index

    def source(self, operand: str, kind: str) -> np.ndarray:
        """An operand as values of a type: a live view of the low part of a register, or a constant."""
        dtype = DTYPES[kind]
        array = self.registers.get(operand, self.special.get(operand))
        if array is None:
            return np.full(self.size, self.constant(operand, dtype))
        if array.itemsize < dtype.itemsize:
            raise ValueError(f"{operand} is too narrow for .{kind}")
        return array.view(dtype)[:: array.itemsize // dtype.itemsize]

    def constant(self, operand: str, dtype: np.dtype) -> np.ndarray:
        if operand[:2] in ("0f", "0F", "0d", "0D"):  # a float by its bits
            return np.array(int(operand[2:], 16), f"u{len(operand[2:]) // 2}").view(dtype)
        value = self.constants[operand] if operand in self.constants else int(operand.rstrip("U"), 0)
        if dtype.kind == "b":
            return np.array(value, bool)
        return np.array(value % (1 << 8 * dtype.itemsize), f"u{dtype.itemsize}").view(dtype)

    def destination(self, operand: str, kind: str) -> np.ndarray:
        """A register as the destination of values of a type; a wider register is written whole, as a wider integer."""
        dtype = DTYPES[kind]
        if operand == "_":
            return np.empty(self.size, dtype)
        register = self.registers[operand]
        if register.itemsize > dtype.itemsize and dtype.kind in "ui":
            dtype = np.dtype(f"{dtype.kind}{register.itemsize}")
        if register.itemsize != dtype.itemsize:
            raise ValueError(f"{operand} does not hold .{kind}")
        return register.view(dtype)

    def address(self, operand: str) -> tuple[np.ndarray, int]:
        """`[%rd1+16]` as the register's live array and the constant to add."""
        found = REGISTER.fullmatch(operand)
        if not found:
            raise ValueError(f"{operand} is not an address")
        register = self.registers.get(found[1])
        kind = f"u{8 * register.itemsize}" if register is not None else "u64"
        return self.source(found[1], kind), int(found[2] or "0", 0)


def listed(operand: str) -> list[str]:
    """The registers in `{%f1, %f2}`, or the single one in `%f1`."""
    return [each.strip() for each in operand.strip("{}").split(",")]
