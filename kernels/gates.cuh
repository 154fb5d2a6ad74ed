// Shares of an old and a new value that add up to 1, computed from gates, accurate however far the gates are open or
// closed: the smaller share is never computed as 1 minus the larger.
#pragma once
#include "cell.cuh"

template <unsigned A> struct Shares {
    real keep, take, smaller;
    bool kept;           // take is the smaller
    Dual<A> twice_take;  // for its derivatives
};

// keep is sigmoid(-gate), take is sigmoid(gate).
template <unsigned A> INLINE Shares<A> shares(const Dual<A>& gate) {
    const bool kept = !(gate.value >= 0);
    const real power = decay(-fabs(gate.value)), larger = 1 / (1 + power), smaller = power * larger;
    const real take = kept ? smaller : larger;
    return {kept ? larger : smaller, take, smaller, kept, chain(2 * take, gate, 2 * (larger * smaller))};
}

// keep is f / (f + i), take is i / (f + i), with the sigmoids f and i of the gates. Both consist of sums of powers of e of
// at most 1, the largest of which is 1: nothing overflows or cancels. With m = min(0, forget, input) they are a / (a + b)
// and b / (a + b), a = e^m + e^(m - input), b = e^m + e^(m - forget).
template <unsigned A, unsigned B> INLINE Shares<A | B> shares(const Dual<A>& forget, const Dual<B>& input) {
    const real least = -Constants<real>::LARGEST;  // two gates of -inf count as equal
    const real f = forget.value < least ? least : forget.value, i = input.value < least ? least : input.value;
    const real lower = f < i ? f : i, m = lower < 0 ? lower : real(0);
    const real one = decay(m), e_input = decay(m - i), e_forget = decay(m - f);
    const real a = one + e_input, b = one + e_forget, both = 1 / (a + b), keep = a * both, take = b * both;
    const real by_forget = -2 * (keep * (e_forget * both)), by_input = 2 * (take * (e_input * both));
    const bool kept = keep >= take;
    return {keep, take, kept ? take : keep, kept, chain(2 * take, forget, by_forget, input, by_input)};
}

// Half of c - h, which cannot overflow.
INLINE real half_apart(real c, real h) { return fma(real(0.5), c, real(-0.5) * h); }

// keep * h + take * c, computed from the one with the larger share, so that the smaller share keeps its accuracy.
template <unsigned A> INLINE real mixed(const Shares<A>& s, real h, real c) {
    const real twice = real(s.kept ? 2 : -2) * s.smaller, y = fma(twice, half_apart(c, h), s.kept ? h : c);
    return y == y ? y : fma(s.keep, h, s.take * c);  // for infinities; NaN is propagated
}
template <unsigned A, unsigned H, unsigned C>
INLINE Dual<A | H | C> mix(const Shares<A>& s, const Dual<H>& h, const Dual<C>& c) {
    const Dual<A | H> old = chain(mixed(s, h.value, c.value), s.twice_take, half_apart(c.value, h.value), h, s.keep);
    return chain(old.value, old, real(1), c, s.take);
}
template <unsigned A> INLINE Affine mix(const Shares<A>& s, const Affine& h, const Constant& c) {
    return {s.keep * h.by, mixed(s, h.at_0, c.value)};
}
