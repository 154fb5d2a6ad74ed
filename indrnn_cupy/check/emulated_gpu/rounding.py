"""Floating-point arithmetic as the hardware rounds it, where numpy does not: fused, directed, flushed, bfloat16."""

import math
from fractions import Fraction

import numpy as np

Array = np.ndarray
SMALLEST_NORMAL = np.finfo(np.float32).tiny


def flush(x: Array) -> Array:
    """Float32 subnormals become zeros of the same sign, as the .ftz modifier demands of operands and results."""
    return x * (np.abs(x) >= SMALLEST_NORMAL) if x.dtype == np.float32 else x


def saturate(x: Array) -> Array:
    """Clips to [0, 1]; NaN becomes 0."""
    return np.fmin(np.fmax(x, x.dtype.type(0)), x.dtype.type(1))


def two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """x + y as a rounded sum and its exact error (Knuth)."""
    total = x + y
    back = total - x
    return total, (x - (total - back)) + (y - back)


def two_product(x: Array, y: Array) -> tuple[Array, Array]:
    """x * y as a rounded product and its exact error (Dekker)."""
    (x_high, x_low), (y_high, y_low) = split(x), split(y)
    product = x * y
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def split(x: Array) -> tuple[Array, Array]:
    """The upper and the lower 26 bits of a float64's mantissa (Veltkamp)."""
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def sum_to_odd(x: Array, y: Array) -> Array:
    """x + y in float64 rounded to odd: rounding that once more, to fewer bits, equals rounding the exact sum once."""
    total, error = two_sum(x, y)
    is_even = (total.view(np.int64) & 1) == 0
    return np.where((np.abs(error) > 0) & is_even, np.nextafter(total, np.copysign(np.inf, error)), total)


def fused_multiply_add(x: Array, y: Array, z: Array) -> Array:
    """x * y + z, rounded once to the type of the operands."""
    if x.dtype != np.float64:
        return exact_multiply_add(x, y, z).astype(x.dtype)
    # Boldo and Melquiond, "Emulation of FMA and correctly rounded sums" (2008)
    product, product_error = two_product(x, y)
    low, low_error = two_sum(z, product_error)
    high, high_error = two_sum(product, low)
    fused = high + sum_to_odd(low_error, high_error)
    result = np.where(np.isfinite(fused), fused, x * y + z)
    for i in np.flatnonzero(~np.isfinite(fused) & np.isfinite(x) & np.isfinite(y) & ~np.isnan(z)):
        result[i] = exactly_fused(*(float(values[i]) for values in (x, y, z)))  # an intermediate value overflowed
    return result


def exactly_fused(x: float, y: float, z: float) -> float:
    if math.isinf(z):
        return z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def exact_multiply_add(x: Array, y: Array, z: Array) -> Array:
    """x * y + z of float16 or float32 in float64, rounded to odd; the product of two such numbers is exact."""
    return sum_to_odd(x.astype(np.float64) * y.astype(np.float64), z.astype(np.float64))


def fused_down(x: Array, y: Array, z: Array) -> Array:
    """fma.rm: rounded towards minus infinity."""
    exact = exact_multiply_add(x, y, z)
    nearest = exact.astype(x.dtype)
    return np.where(nearest > exact, np.nextafter(nearest, nearest.dtype.type(-np.inf)), nearest)


def to_bfloat16(x: Array) -> Array:
    """The bits of float32 numbers rounded to nearest-even bfloat16."""
    bits = x.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return np.where(np.isnan(x), np.uint32(0x7FFF), rounded).astype(np.uint16)


def from_bfloat16(bits: Array) -> Array:
    """Float32 numbers from the bits of bfloat16."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
