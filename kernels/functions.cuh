// Mathematical functions that are bit-identical on a CPU and a GPU, and that a CPU vectorises: they use only fma, +, *, /
// and bits. They are correct for every number: NaN is propagated, infinities are handled, and so are denormals on a CPU; on
// a GPU, CuPy's compiler flags make them 0. Errors in ulp, the largest of all numbers in float32, of samples in float64:
//
//     exp 1.2   expm1 2.3   log 0.9   log1p 1.5   softplus 2.0
#pragma once
#include "dialect.cuh"

// Adding SHIFT to a small number leaves it, rounded to an integer, in the low bits of the sum.
template <class T> struct Constants;
template <> struct Constants<float> {
    typedef int bits;
    static constexpr int MANTISSA = 23, DEGREE = 7, ATANH = 5;
    static constexpr float LARGEST = 0x1.fffffep127f;
    static constexpr float SHIFT = 0x1.8p23f, LOG2E = 0x1.715476p0f, LN2 = 0x1.62e43p-1f, LN2_REST = -0x1.05c61p-29f;
    static constexpr float LOWEST = -87.33654f;  // e^LOWEST is barely a normal number
    static constexpr float ZERO = -104, INFINITE = 89;  // e^x is 0 below and infinite above
    static constexpr bits ROOT_HALF = 0x3f3504f3;
    static constexpr float TINY = 0x1p-126f, LIFT = 0x1p24f;  // the smallest normal number, and a factor that makes smaller ones normal
};
template <> struct Constants<double> {
    typedef long long bits;
    static constexpr int MANTISSA = 52, DEGREE = 13, ATANH = 11;
    static constexpr double LARGEST = 0x1.fffffffffffffp1023;
    static constexpr double SHIFT = 0x1.8p52, LOG2E = 0x1.71547652b82fep0, LN2 = 0x1.62e42fefa39efp-1;
    static constexpr double LN2_REST = 0x1.abc9e3b39803fp-56, LOWEST = -708.39641;
    static constexpr double ZERO = -746, INFINITE = 710;
    static constexpr bits ROOT_HALF = 0x3fe6a09e667f3bcd;
    static constexpr double TINY = 0x1p-1022, LIFT = 0x1p53;
};

// 1 + r/2! + r^2/3! + ... up to r^(n-1)/n!, starting from the last term with sum = 0.
template <int n> INLINE real taylor(real r, real sum) {
    constexpr double factorial = [] { double f = 1; for (int i = 2; i <= n; ++i) f *= i; return f; }();
    sum = fma(sum, r, real(1 / factorial));
    if constexpr (n > 1) return taylor<n - 1>(r, sum);
    else return sum;
}
// s^2/3 + s^4/5 + ..., n terms, starting from the last: atanh(s) / s - 1.
template <int n> INLINE real atanh_rest(real square, real sum) {
    sum = fma(sum, square, real(1) / (2 * n + 1));
    if constexpr (n > 1) return atanh_rest<n - 1>(square, sum);
    else return square * sum;
}

// e^x = 2^k * (1 + less_one), where less_one = e^r - 1 for the remainder r, |r| <= ln(2)/2; for x from ZERO to INFINITE.
struct Exponential {
    typedef Constants<real> C;
    real less_one;
    C::bits k;
    INLINE Exponential(real x) {
        const real shifted = fma(x, C::LOG2E, C::SHIFT), whole = shifted - C::SHIFT;
        const real r = fma(-whole, C::LN2_REST, fma(-whole, C::LN2, x));
        less_one = r * taylor<C::DEGREE>(r, 0);
        k = bit_cast<C::bits>(shifted) - bit_cast<C::bits>(C::SHIFT);
    }
    // 2^k if that is a normal number
    static INLINE real power(C::bits k) { return bit_cast<real>((k << C::MANTISSA) + bit_cast<C::bits>(real(1))); }
    // e^x for any k: 2^k in two steps
    INLINE real value() const {
        const C::bits half = k >> 1;
        const real first = power(half);
        return fma(first, less_one, first) * power(k - half);
    }
};

// x = 2^k * (1 + f), f from -0.3 to 0.42; x is a normal number.
struct Logarithm {
    typedef Constants<real> C;
    real f;
    C::bits k;
    INLINE Logarithm(real x) {
        const C::bits b = bit_cast<C::bits>(x) - C::ROOT_HALF;
        k = b >> C::MANTISSA;
        f = bit_cast<real>((b & ((C::bits(1) << C::MANTISSA) - 1)) + C::ROOT_HALF) - 1;
    }
    // log(x): with s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - s * (f - rest)
    INLINE real value(real k) const {
        const real s = f / (2 + f), rest = 2 * atanh_rest<C::ATANH>(s * s, 0);
        return fma(k, C::LN2, f - fma(s, f - rest, -k * C::LN2_REST));
    }
};

// `inside` for least < x < infinity; -infinity at `least`, NaN below.
INLINE real from(real least, real x, real inside) {
    const real none = bit_cast<real>(~Constants<real>::bits(0)), lowest = -Constants<real>::LARGEST * (x + 3);
    const real beyond = x < least ? none : x;  // infinity and NaN stay
    const real outside = x == least ? lowest : beyond;
    return ((x > least) & (x <= Constants<real>::LARGEST)) ? inside : outside;  // without branches: SIMD
}

namespace same {

INLINE real exp(real x) {
    typedef Constants<real> C;
    return Exponential(x < C::ZERO ? C::ZERO : x > C::INFINITE ? C::INFINITE : x).value();
}

INLINE real expm1(real x) {
    typedef Constants<real> C;
    const Exponential e(x < -40 ? real(-40) : x > C::INFINITE ? C::INFINITE : x);
    const real scale = Exponential::power(e.k);  // not used if k is large
    return e.k < C::MANTISSA + 2 ? fma(scale, e.less_one, scale - 1) : e.value();
}

INLINE real log(real x) {
    typedef Constants<real> C;
    const bool small = x < C::TINY;
    const Logarithm l(small ? x * C::LIFT : x);
    return from(0, x, l.value(real(small ? l.k - C::MANTISSA - 1 : l.k)));
}

INLINE real log1p(real x) {
    const real u = 1 + x, lost = x >= 1 ? 1 - (u - x) : x - (u - 1);  // the rounding error of u
    const Logarithm l(u);
    return from(-1, x, l.value(real(l.k)) + lost / u);
}

INLINE real softplus(real x) {
    const real tail = same::log1p(same::exp(-fabs(x)));
    return x > 0 ? x + tail : tail;
}

}  // namespace same
