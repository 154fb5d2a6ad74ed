"""The cvt instruction: between the number types, and to a whole number within a float type."""

from collections.abc import Callable

import numpy as np

from .faults import UnknownInstruction
from .ptx import DTYPES, Instruction
from .rounding import flush, from_bfloat16, saturate, to_bfloat16

TO_WHOLE: dict[str, Callable[..., np.ndarray]] = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def clipped_to_integer(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Converts whole numbers to an integer type, clamped to its range; NaN becomes 0."""
    limits = np.iinfo(dtype)
    wide = x.astype(np.float64)
    integer = wide.astype(dtype)
    integer[wide >= float(limits.max)] = limits.max
    integer[wide <= float(limits.min)] = limits.min
    integer[np.isnan(wide)] = 0
    return integer


# For each source and result type, the function and the modifiers that it may have.
CONVERSIONS: dict[tuple[str, str], tuple[Callable[[np.ndarray, np.dtype], np.ndarray], set[str]]] = {
    ("integer", "integer"): (np.ndarray.astype, set()),
    ("integer", "float"): (np.ndarray.astype, {"rn"}),
    ("float", "float"): (np.ndarray.astype, {"rn", "ftz", "sat", *TO_WHOLE}),
    ("float", "integer"): (clipped_to_integer, {"ftz", *TO_WHOLE}),
    ("f32", "bf16"): (lambda x, _: to_bfloat16(x), {"rn"}),
    ("bf16", "f32"): (lambda x, _: from_bfloat16(x), {"ftz"}),
}
FAMILY = {"f": "float", "u": "integer", "i": "integer"}


def conversion(instruction: Instruction) -> Callable[[np.ndarray], np.ndarray]:
    """The function from the source type to the result type; raises UnknownInstruction."""
    result, source = instruction.types
    modifiers = set(instruction.modifiers)
    exactly = (source, result)
    family = (FAMILY[DTYPES[source].kind], FAMILY[DTYPES[result].kind])
    convert, allowed = CONVERSIONS.get(family if "bf16" not in exactly else exactly, (None, set()))
    if convert is None or modifiers - allowed:
        raise UnknownInstruction(instruction.text)
    dtype = DTYPES[result]
    steps = [TO_WHOLE[word] for word in sorted(modifiers & TO_WHOLE.keys())]
    steps += [lambda x: convert(x, dtype)]
    if "sat" in modifiers:
        steps.append(saturate)
    if "ftz" in modifiers:
        steps = [flush, *steps, flush]

    def converted(x: np.ndarray) -> np.ndarray:
        for step in steps:
            x = step(x)
        return x

    return converted
