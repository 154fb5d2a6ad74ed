// Activations: the value, and the gradient of the input from the gradient of the output and the value, so that no kernel
// saves the input. Comparisons are written so that NaN is propagated, as in PyTorch.
//
// tanh and sigmoid are computed as in functions.cuh. In float32 they are within 3.3 and 2.5 ulp of the exact value, for
// every number; values below the smallest normal number become 0.
#pragma once
#include "functions.cuh"

// e^x for x <= 0, within 1 ulp; 0 where that is not a normal number.
INLINE real decay(real x) {
    const bool lost = x < Constants<real>::LOWEST;
    Exponential e(lost ? Constants<real>::LOWEST : x);
    const real scale = Exponential::power(e.k);
    return lost ? real(0) : fma(scale, e.less_one, scale);
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
        real scale = Exponential::power(e.k), m = fma(scale, e.less_one, scale - 1);
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

// Positive for every x: x + 1/2 for x >= 0, else sigmoid(x) (Feng et al. 2024, arXiv 2410.01201).
struct G {
    static INLINE real value(real x) {
        const real below = Sigmoid::value(x);
        return x >= 0 ? x + real(0.5) : below;
    }
    static INLINE real gradient(real g, real y) { return y >= real(0.5) ? g : Sigmoid::gradient(g, y); }
};
