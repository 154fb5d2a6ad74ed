"""The instructions that use only the registers of their own thread.

The tables map an opcode with its relevant modifiers to a signature and a function on all threads of a block. The
letters of a signature: t the type of the instruction, w the integer twice as wide, u an unsigned 32-bit integer, p a
predicate. To support another instruction, add a line.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .conversions import conversion
from .faults import UnknownInstruction
from .ptx import DTYPES, Instruction
from .rounding import flush, fused_down, fused_multiply_add, saturate

Function = Callable[..., Any]
Table = dict[str, tuple[str, Function]]


class Operation(NamedTuple):
    """A function, the type of its result and those of its operands."""

    function: Function
    result: str
    operands: tuple[str, ...]


def in_double(function: Function) -> Function:
    """An approximate instruction, computed as exactly as its type allows."""
    return lambda x: function(x.astype(np.float64)).astype(x.dtype)


def widened(x: np.ndarray) -> np.ndarray:
    return x.astype(f"{x.dtype.kind}{2 * x.itemsize}")


def high_half(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ((x.astype(object) * y.astype(object)) >> 8 * x.itemsize).astype(x.dtype)


def extract_bits(x: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Shifts left, then right, which extends the sign of a signed type."""
    bits = np.uint32(8 * x.itemsize)
    above = bits - np.minimum((start & 0xFF) + (length & 0xFF), bits)
    return (x << above.astype(x.dtype)) >> (above + (start & 0xFF)).astype(x.dtype)


def permute_bytes(x: np.ndarray, y: np.ndarray, selectors: np.ndarray) -> np.ndarray:
    """Each byte of the result is one of the eight of x and y or, with bit 3 of its selector, that one's sign."""
    table = np.stack([x, y], axis=1).view(np.uint8)
    selected = (selectors[:, None] >> np.arange(0, 16, 4, dtype=np.uint32)) & 15
    taken = np.take_along_axis(table, (selected & 7).astype(np.int64), axis=1)
    sign = np.where(taken & 128, np.uint8(255), np.uint8(0))
    return np.where(selected & 8, sign, taken).view(np.uint32).ravel()


def funnel(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (high.astype(np.uint64) << 32) | low


def comparisons(compare: dict[str, Function]) -> Table:
    return {f"setp.{name}": ("p = t t", function) for name, function in compare.items()}


ORDER: dict[str, Function] = {
    "eq": np.equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
UNSIGNED_ORDER = {"lo": np.less, "ls": np.less_equal, "hi": np.greater, "hs": np.greater_equal}
FLOAT_ORDER: dict[str, Function] = {  # the second half is true where a number is NaN
    "ne": lambda x, y: (x < y) | (x > y),
    "num": lambda x, y: ~np.isnan(x) & ~np.isnan(y),
    "nan": lambda x, y: np.isnan(x) | np.isnan(y),
    "equ": lambda x, y: ~((x < y) | (x > y)),
    "neu": np.not_equal,
    "ltu": lambda x, y: ~(x >= y),
    "leu": lambda x, y: ~(x > y),
    "gtu": lambda x, y: ~(x <= y),
    "geu": lambda x, y: ~(x < y),
}
ANY_TYPE: Table = {
    "mov": ("t = t", lambda x: x),
    "selp": ("t = t t p", lambda x, y, choose_x: np.where(choose_x, x, y)),
}
INTEGER: Table = {
    **ANY_TYPE,
    **comparisons({**ORDER, **UNSIGNED_ORDER, "ne": np.not_equal}),
    "cvta.to.global": ("t = t", lambda address: address),  # memory.py has a single address space
    "cvta.to.shared": ("t = t", lambda address: address),
    "cvta.shared": ("t = t", lambda address: address),
    "add": ("t = t t", np.add),
    "sub": ("t = t t", np.subtract),
    "mul.lo": ("t = t t", np.multiply),
    "mul.hi": ("t = t t", high_half),
    "mul.wide": ("w = t t", lambda x, y: widened(x) * widened(y)),
    "mad.lo": ("t = t t t", lambda x, y, z: x * y + z),
    "mad.wide": ("w = t t w", lambda x, y, z: widened(x) * widened(y) + z),
    "div": ("t = t t", lambda x, y: (x - np.fmod(x, y)) // y),  # towards zero
    "rem": ("t = t t", np.fmod),
    "min": ("t = t t", np.minimum),
    "max": ("t = t t", np.maximum),
    "neg": ("t = t", np.negative),
    "abs": ("t = t", np.abs),
    "not": ("t = t", np.invert),
    "and": ("t = t t", np.bitwise_and),
    "or": ("t = t t", np.bitwise_or),
    "xor": ("t = t t", np.bitwise_xor),
    "shl": ("t = t u", np.left_shift),  # numpy, like PTX, shifts everything out if the shift is too long
    "shr": ("t = t u", np.right_shift),
    "popc": ("u = t", np.bitwise_count),
    "bfe": ("t = t u u", extract_bits),
    "prmt": ("t = t t t", permute_bytes),
    "shf.l.wrap": ("t = t t u", lambda low, high, by: (funnel(low, high) << (by & 31)) >> 32),
    "shf.r.wrap": ("t = t t u", lambda low, high, by: funnel(low, high) >> (by & 31)),
}
FLOAT: Table = {
    **ANY_TYPE,
    **comparisons({**ORDER, **FLOAT_ORDER}),
    "add": ("t = t t", np.add),
    "sub": ("t = t t", np.subtract),
    "mul": ("t = t t", np.multiply),
    "div": ("t = t t", np.divide),
    "fma": ("t = t t t", fused_multiply_add),
    "min": ("t = t t", np.fmin),
    "max": ("t = t t", np.fmax),
    "min.NaN": ("t = t t", np.minimum),
    "max.NaN": ("t = t t", np.maximum),
    "neg": ("t = t", np.negative),
    "abs": ("t = t", np.abs),
    "copysign": ("t = t t", lambda sign, value: np.copysign(value, sign)),
    "rcp": ("t = t", np.reciprocal),
    "sqrt": ("t = t", np.sqrt),
    "rsqrt": ("t = t", in_double(lambda x: 1 / np.sqrt(x))),
    "ex2": ("t = t", in_double(np.exp2)),
    "lg2": ("t = t", in_double(np.log2)),
    "sin": ("t = t", in_double(np.sin)),
    "cos": ("t = t", in_double(np.cos)),
    "tanh": ("t = t", in_double(np.tanh)),
}
TABLES: dict[str, Table] = {
    **dict.fromkeys(DTYPES, INTEGER),
    **{"f16": FLOAT, "f32": {**FLOAT, "fma.rm": ("t = t t t", fused_down)}, "f64": FLOAT},  # expf rounds down
    "bf16": {},
}
FINISH = {"rn", "approx", "full", "ftz", "sat"}  # modifiers of any float operation; the first three: to the nearest


def operation(instruction: Instruction) -> Operation:
    """The operation of an instruction; raises UnknownInstruction."""
    if instruction.opcode == "cvt" and len(instruction.types) == 2:
        result, source = instruction.types
        return Operation(conversion(instruction), result, (source,))
    kind = instruction.types[0] if len(instruction.types) == 1 else "none"
    finish = FINISH.intersection(instruction.modifiers) if kind in ("f16", "f32", "f64") else set()
    key = ".".join([instruction.opcode, *(word for word in instruction.modifiers if word not in finish)])
    if key not in TABLES.get(kind, {}):
        raise UnknownInstruction(instruction.text)
    signature, function = TABLES[kind][key]
    letters = {"t": kind, "w": f"{kind[0]}{16 * DTYPES[kind].itemsize}", "u": "u32", "p": "pred"}
    result, _, *operands = signature.split()
    return Operation(finished(function, finish), letters[result], tuple(letters[letter] for letter in operands))


def finished(function: Function, finish: set[str]) -> Function:
    """The function with its result clipped and subnormals flushed, as the modifiers say."""
    clipped = (lambda *values: saturate(function(*values))) if "sat" in finish else function
    return (lambda *values: flush(clipped(*map(flush, values)))) if "ftz" in finish else clipped
