// Numbers that are linear in the state: a step is called with them to find out whether chunks of time can be summarised.
#pragma once
#include "dual.cuh"

// A number that is linear in the state, by * state + at_0. Other operations are not defined, so that a step that is not
// linear does not compile.
struct Affine {
    real by, at_0;
    Affine() = default;
    INLINE Affine(real by, real at_0) : by(by), at_0(at_0) {}
    INLINE Affine(const Constant& c) : by(0), at_0(c.value) {}
    INLINE Affine(real c) : by(0), at_0(c) {}
};
INLINE Affine operator+(const Affine& a, const Affine& b) { return {a.by + b.by, a.at_0 + b.at_0}; }
INLINE Affine operator-(const Affine& a, const Affine& b) { return {a.by - b.by, a.at_0 - b.at_0}; }
INLINE Affine operator-(const Affine& a) { return {-a.by, -a.at_0}; }
INLINE Affine operator*(const Constant& a, const Affine& b) { return {a.value * b.by, a.value * b.at_0}; }
INLINE Affine operator*(const Affine& a, const Constant& b) { return b * a; }
INLINE Affine operator*(real a, const Affine& b) { return Constant(a) * b; }
INLINE Affine operator*(const Affine& a, real b) { return Constant(b) * a; }
INLINE Affine operator/(const Affine& a, const Constant& b) { return {a.by / b.value, a.at_0 / b.value}; }
INLINE Affine operator/(const Affine& a, real b) { return a / Constant(b); }
INLINE Affine fma_of(const Constant& a, const Affine& b, const Affine& c) {
    return {fma(a.value, b.by, c.by), fma(a.value, b.at_0, c.at_0)};
}
INLINE Affine fma_of(const Affine& a, const Constant& b, const Affine& c) { return fma_of(b, a, c); }
INLINE Affine fma_of(const Constant& a, const Constant& b, const Affine& c) {
    return {c.by, fma(a.value, b.value, c.at_0)};
}
INLINE Affine where(bool condition, const Affine& a, const Affine& b) { return condition ? a : b; }

// A clamped linear number, which can only be returned as the state. `by` and `at_0` are those before the clamp.
struct Clamped {
    real by, at_0;
};
INLINE Affine clamped(Identity, const Affine& x) { return x; }
INLINE Clamped clamped(Relu, const Affine& x) { return {x.by, x.at_0}; }
INLINE Clamped clamped(Hardtanh, const Affine& x) { return {x.by, x.at_0}; }
INLINE Affine identity(const Affine& x) { return x; }
INLINE Clamped relu(const Affine& x) { return clamped(Relu(), x); }
INLINE Clamped hardtanh(const Affine& x) { return clamped(Hardtanh(), x); }
#ifdef ACTIVATION
template <class F = ACTIVATION> INLINE auto activation(const Affine& x) -> decltype(clamped(F(), x)) { return clamped(F(), x); }
#endif
INLINE const Affine& dual(const Affine& x) { return x; }
INLINE const Clamped& dual(const Clamped& x) { return x; }
