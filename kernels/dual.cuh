// Numbers that carry derivatives: a cell is computed with them, so that its gradient is derived.
//
// The type of a number tells which derivatives can be nonzero, so the others cost nothing: no compiler may drop 0 * x by
// itself. The forward pass of a cell is the same code with numbers without derivatives.
//
// Set by -D: SLOPES, the number of variables to differentiate by.
#pragma once
#include "activation.cuh"

template <unsigned MASK> struct Slopes {
    real slope[SLOPES];
};
template <> struct Slopes<0> {};  // nothing that a compiler has to copy
template <unsigned MASK> struct Dual : Slopes<MASK> {
    real value;
    Dual() = default;
    INLINE explicit Dual(real value) : value(value) {}
};
typedef Dual<0> Constant;

template <int K> INLINE Dual<1u << K> variable(real value) {
    Dual<1u << K> x(value);
    x.slope[K] = 1;
    return x;
}
template <unsigned A> INLINE const Dual<A>& dual(const Dual<A>& x) { return x; }
INLINE Constant dual(real x) { return Constant(x); }
// The number without its derivatives.
template <class A> INLINE Constant stop(const A& x) { return Constant(dual(x).value); }

// The derivatives of f(a, b), from variable K on. Recursive, as NVRTC does not accept a generic lambda here.
template <int K, unsigned A, unsigned B>
INLINE void slopes(Dual<A | B>& y, const Dual<A>& a, real by_a, const Dual<B>& b, real by_b) {
    if constexpr (K < SLOPES) {
        if constexpr ((A & B) >> K & 1) y.slope[K] = fma(by_a, a.slope[K], by_b * b.slope[K]);
        else if constexpr (A >> K & 1) y.slope[K] = by_a * a.slope[K];
        else if constexpr (B >> K & 1) y.slope[K] = by_b * b.slope[K];
        slopes<K + 1>(y, a, by_a, b, by_b);
    }
}
// f(a, b), whose partial derivatives are by_a and by_b.
template <unsigned A, unsigned B>
INLINE Dual<A | B> chain(real value, const Dual<A>& a, real by_a, const Dual<B>& b, real by_b) {
    Dual<A | B> y(value);
    slopes<0>(y, a, by_a, b, by_b);
    return y;
}
template <unsigned A> INLINE Dual<A> chain(real value, const Dual<A>& a, real by_a) {
    return chain(value, a, by_a, Constant(0), 0);
}

#define OPERATOR(op, value, by_a, by_b) \
    template <unsigned A, unsigned B> INLINE Dual<A | B> operator op(const Dual<A>& a, const Dual<B>& b) { \
        return chain(value, a, by_a, b, by_b); } \
    template <unsigned A> INLINE Dual<A> operator op(const Dual<A>& a, real b) { return a op Constant(b); } \
    template <unsigned B> INLINE Dual<B> operator op(real a, const Dual<B>& b) { return Constant(a) op b; }
OPERATOR(+, a.value + b.value, real(1), real(1))
OPERATOR(-, a.value - b.value, real(1), real(-1))
OPERATOR(*, a.value * b.value, b.value, a.value)
OPERATOR(/, a.value / b.value, 1 / b.value, -(a.value / b.value) / b.value)
#undef OPERATOR
template <unsigned A> INLINE Dual<A> operator-(const Dual<A>& a) { return chain(-a.value, a, real(-1)); }

#define COMPARISON(op) \
    template <unsigned A, unsigned B> INLINE bool operator op(const Dual<A>& a, const Dual<B>& b) { \
        return a.value op b.value; } \
    template <unsigned A> INLINE bool operator op(const Dual<A>& a, real b) { return a.value op b; } \
    template <unsigned B> INLINE bool operator op(real a, const Dual<B>& b) { return a op b.value; }
COMPARISON(<) COMPARISON(<=) COMPARISON(>) COMPARISON(>=) COMPARISON(==) COMPARISON(!=)
#undef COMPARISON

// a * b + c, rounded once.
template <unsigned A, unsigned B, unsigned C>
INLINE Dual<A | B | C> fma_of(const Dual<A>& a, const Dual<B>& b, const Dual<C>& c) {
    const Dual<A | B> product = chain(a.value * b.value, a, b.value, b, a.value);
    return chain(fma(a.value, b.value, c.value), product, real(1), c, real(1));
}
template <class A, class B, class C> INLINE auto fma(const A& a, const B& b, const C& c) -> decltype(a * b + c) {
    return fma_of(dual(a), dual(b), dual(c));
}

// a where the condition holds, else b.
template <class A, class B> INLINE auto where(bool condition, const A& a, const B& b) {
    const real by_a = condition ? real(1) : real(0), by_b = condition ? real(0) : real(1);
    return chain(condition ? dual(a).value : dual(b).value, dual(a), by_a, dual(b), by_b);
}
template <unsigned A> INLINE Dual<A> fabs(const Dual<A>& x) {
    return chain(fabs(x.value), x, x.value > 0 ? real(1) : x.value < 0 ? real(-1) : real(0));
}
// As torch.minimum and torch.maximum: NaN is propagated, and equal numbers get half of the gradient each.
template <class A, class B> INLINE auto extreme(const A& a, const B& b, bool a_is, bool b_is) {
    const real by_a = a_is ? real(1) : b_is ? real(0) : real(0.5);
    const real y = b_is && !a_is ? b.value : a.value;
    return chain(y, a, by_a, b, 1 - by_a);
}
template <class A, class B> INLINE auto fmin(const A& a, const B& b) -> decltype(a - b) {
    const real x = dual(a).value, y = dual(b).value;
    return extreme(dual(a), dual(b), x < y || x != x, y < x || y != y);
}
template <class A, class B> INLINE auto fmax(const A& a, const B& b) -> decltype(a - b) {
    const real x = dual(a).value, y = dual(b).value;
    return extreme(dual(a), dual(b), x > y || x != x, y > x || y != y);
}

// x to an integer power n.
template <unsigned A> INLINE Dual<A> pow(const Dual<A>& x, int n) {
    real y = 1, slope = n;
    UNROLL (int i = 1; i < (n < 0 ? -n : n); ++i) y *= x.value;
    slope *= n < 0 ? 1 / (y * x.value * x.value) : y;
    return chain(n == 0 ? real(1) : n < 0 ? 1 / (y * x.value) : y * x.value, x, n == 0 ? real(0) : slope);
}
template <int N, unsigned A> INLINE Dual<A> pow(const Dual<A>& x) { return pow(x, N); }

// The derivatives of x times a slope that may be infinite: 0 where those of x are 0, for example where x is clamped.
template <int K = 0, unsigned A> INLINE void steepen(Dual<A>& y, const Dual<A>& x, real slope) {
    if constexpr (K < SLOPES) {
        if constexpr (A >> K & 1) y.slope[K] = x.slope[K] == 0 ? real(0) : slope * x.slope[K];
        steepen<K + 1>(y, x, slope);
    }
}

// Defines a function whose derivative is `slope`, an expression in its argument x and its value y.
#define FUNCTION(name, formula, slope) \
    template <unsigned A> INLINE Dual<A> name(const Dual<A>& number) { \
        const real x = number.value, y = formula; \
        return chain(y, number, slope); \
    }
#define STEEP_FUNCTION(name, formula, by) \
    template <unsigned A> INLINE Dual<A> name(const Dual<A>& number) { \
        const real x = number.value; \
        Dual<A> result(formula); \
        const real y = result.value; \
        steepen(result, number, by); \
        return result; \
    }
FUNCTION(exp, same::exp(x), y)
FUNCTION(expm1, same::expm1(x), same::exp(x))
STEEP_FUNCTION(log, same::log(x), 1 / x)
STEEP_FUNCTION(log1p, same::log1p(x), 1 / (1 + x))
FUNCTION(softplus, same::softplus(x), Sigmoid::value(x))
STEEP_FUNCTION(sqrt, sqrt(x), real(0.5) / y)
FUNCTION(square, x * x, 2 * x)
FUNCTION(relu, Relu::value(x), Relu::gradient(1, y))
FUNCTION(tanh, Tanh::value(x), Tanh::gradient(1, y))
FUNCTION(sigmoid, Sigmoid::value(x), Sigmoid::gradient(1, y))
FUNCTION(hardtanh, Hardtanh::value(x), Hardtanh::gradient(1, y))
FUNCTION(identity, x, real(1))
FUNCTION(g, G::value(x), G::gradient(1, y))
// Step functions for spikes, 1 above 0, else 0, with surrogate slopes: the derivative is 0 almost everywhere.
INLINE real fires(real x) { return x > 0 ? real(1) : x == x ? real(0) : x; }
FUNCTION(spike, fires(x), fabs(x) < 1 ? 1 - fabs(x) : real(0))
FUNCTION(spike_arctan, fires(x), 1 / (1 + real(9.86960440108935862) * x * x))
FUNCTION(spike_sigmoid, fires(x), Sigmoid::gradient(1, Sigmoid::value(x)))
FUNCTION(spike_none, fires(x), real(0))
#ifdef ACTIVATION
FUNCTION(activation, ACTIVATION::value(x), ACTIVATION::gradient(1, y))
#endif

// e^(b log a), for a > 0: the error is |b log a| ulp plus that of exp.
template <unsigned A, class B> INLINE auto pow(const Dual<A>& a, const B& b) -> decltype(a * b) { return exp(log(a) * b); }
