// Activations: the value, and the gradient before it from the gradient after it and the value alone, so that no kernel
// keeps its input. Comparisons are written so that NaN comes through, as in PyTorch.
//
// tanh and sigmoid are made of fma, +, / and bits: a CPU and a GPU give the same number, denormals aside. In float32
// they are within 3.3 and 2.5 ulp of the exact value, for every number; a value below the smallest normal one becomes 0.
#pragma once
#include "dialect.cuh"

// Adding SHIFT to a small number leaves it, rounded to an integer, in the low bits of the sum.
template <class T> struct Constants;
template <> struct Constants<float> {
    typedef unsigned bits;
    static constexpr int MANTISSA = 23, DEGREE = 7;
    static constexpr float LARGEST = 0x1.fffffep127f;
    static constexpr float SHIFT = 0x1.8p23f, LOG2E = 0x1.715476p0f, LN2 = 0x1.62e43p-1f, LN2_REST = -0x1.05c61p-29f;
    static constexpr float LOWEST = -87.33654f;  // e^LOWEST is a normal number, just
};
template <> struct Constants<double> {
    typedef unsigned long long bits;
    static constexpr int MANTISSA = 52, DEGREE = 13;
    static constexpr double LARGEST = 0x1.fffffffffffffp1023;
    static constexpr double SHIFT = 0x1.8p52, LOG2E = 0x1.71547652b82fep0, LN2 = 0x1.62e42fefa39efp-1;
    static constexpr double LN2_REST = 0x1.abc9e3b39803fp-56, LOWEST = -708.39641;
};

// 1 + r/2! + r^2/3! + ... up to r^(n-1)/n!, begun at the far end with sum = 0.
template <int n> INLINE real taylor(real r, real sum) {
    constexpr double factorial = [] { double f = 1; for (int i = 2; i <= n; ++i) f *= i; return f; }();
    sum = fma(sum, r, real(1 / factorial));
    if constexpr (n > 1) return taylor<n - 1>(r, sum);
    else return sum;
}

// e^x = scale * (1 + less_one): the power of two 2^k, and e^r - 1 for the rest, |r| <= ln(2)/2.
struct Exponential {
    real scale, less_one;
    INLINE Exponential(real x) {
        typedef Constants<real> C;
        const real shifted = fma(x, C::LOG2E, C::SHIFT), k = shifted - C::SHIFT;
        const real r = fma(-k, C::LN2_REST, fma(-k, C::LN2, x));
        less_one = r * taylor<C::DEGREE>(r, 0);
        scale = bit_cast<real>((bit_cast<C::bits>(shifted) << C::MANTISSA) + bit_cast<C::bits>(real(1)));
    }
};

// e^x for x <= 0, within 1 ulp; 0 where that is no normal number.
INLINE real decay(real x) {
    const bool lost = x < Constants<real>::LOWEST;
    Exponential e(lost ? Constants<real>::LOWEST : x);
    return lost ? real(0) : fma(e.scale, e.less_one, e.scale);
}

struct Identity {
    static INLINE real value(real x) { return x; }
    static INLINE real gradient(real g, real) { return g; }
};

struct Relu {
    static INLINE real value(real x) { return x <= 0 ? real(0) : x; }
    static INLINE real gradient(real g, real y) { return y <= 0 ? real(0) : g; }
};

struct Hardtanh {
    static INLINE real value(real x) { return x <= -1 ? real(-1) : x >= 1 ? real(1) : x; }
    static INLINE real gradient(real g, real y) { return y <= -1 || y >= 1 ? real(0) : g; }
};

// tanh |x| = m / (m + 2) with m = e^(2|x|) - 1, which keeps its relative accuracy near 0.
struct Tanh {
    static INLINE real value(real x) {
        real twice = 2 * fabs(x);
        Exponential e(twice > 40 ? real(40) : twice);
        real m = fma(e.scale, e.less_one, e.scale - 1);
        return copysign(m / (m + 2), x);
    }
    static INLINE real gradient(real g, real y) { return g * fma(-y, y, real(1)); }
};

// sigmoid(x) = 1 / (1 + e) for x >= 0 and e / (1 + e) below, with e = e^(-|x|), which cannot overflow.
struct Sigmoid {
    static INLINE real value(real x) {
        const real power = decay(-fabs(x));
        return (x >= 0 ? real(1) : power) / (1 + power);
    }
    static INLINE real gradient(real g, real y) { return g * (y * (1 - y)); }
};

// Above 0 whatever x is: x + 1/2 for x >= 0, sigmoid(x) below (Feng et al. 2024, arXiv 2410.01201).
struct G {
    static INLINE real value(real x) {
        const real below = Sigmoid::value(x);
        return x >= 0 ? x + real(0.5) : below;
    }
    static INLINE real gradient(real g, real y) { return y >= real(0.5) ? g : Sigmoid::gradient(g, y); }
};
