// A recurrence is one function: the author writes one step, and the kernels and gradients are derived from it.
//
//     INLINE auto leaky(Input auto x, Weight auto u, Weight auto rate, State auto h) {
//         return fma(rate, tanh(fma(u, h, x)) - h, h);
//     }
//
// Inputs come first, then weights, then states. A function with one state returns the next state; with several, it
// returns `states(h, c)`, in the same order. The output is the first state, or y in `states(h, c).output(y)`; several
// outputs, `.output(y, z)`, are side by side in one tensor.
//
// The gradient is derived. A gradient by hand, where it reads less or is more accurate, is a function of plain numbers:
//
//     INLINE auto indrnn_gradient(Gradient auto grad_h, After auto h_t, Weight auto u, State auto h) {
//         const real grad_x = ACTIVATION::gradient(grad_h, h_t);
//         return gradients(grad_x, times(grad_x, h), u * grad_x);
//     }
//
// `grad_h` is the gradient of the state h after the step, `grad_output` that of an output that is not a state, and h_t
// the state h after the step. Inputs that the function does not take are not saved for backward. It returns the gradients
// of all inputs, weights and states, in their order; `times(a, b)` is a * b, added to the sum of a weight with one rounding.
#pragma once
#define VARIABLES (INPUTS + WEIGHTS + STATES)  // the number of values in a step; WEIGHTS counts rows
#ifndef SLOPES
#define SLOPES VARIABLES
#endif
#ifndef STEPS_AHEAD
#define STEPS_AHEAD 8  // the most steps that a GPU loads ahead: the code of a step is repeated for each
#endif
#include "recurrence.cuh"
#include "affine.cuh"

// The roles of the function's parameters.
template <class T> concept Input = true;              // a sequence, (T, B, H)
template <class T> concept Weight = true;             // one value per hidden unit, (H,)
template <class T, int ROWS> concept Weights = true;  // several, (ROWS, H): w[0], w[1], ...
template <class T> concept State = true;              // what a step starts from and returns
template <class T> concept Gradient = true;
template <class T> concept After = true;

template <class T, int N> struct Row {
    T at[N];
    INLINE T& operator[](int i) { return at[i]; }
    INLINE const T& operator[](int i) const { return at[i]; }
};

// A list of values of different types.
struct End {};
template <class First, class Rest> struct List {
    First first;
    Rest rest;
};
INLINE End list() { return {}; }
template <class First, class... More> INLINE auto list(const First& first, const More&... more) {
    return List<First, decltype(list(more...))>{first, list(more...)};
}
template <int I, class F, class R> INLINE const auto& at(const List<F, R>& all) {
    if constexpr (I == 0) return all.first;
    else return at<I - 1>(all.rest);
}
template <class T> constexpr int length_of = 0;
template <class F, class R> constexpr int length_of<List<F, R>> = 1 + length_of<R>;

// What the function of a cell returns.
template <class States, class Output> struct Returned;
template <class S, class O> INLINE Returned<S, O> returned(const S& states, const O& output) { return {states, output}; }
template <class States, class Output> struct Returned {
    States states;
    Output out;
    template <class... Y> INLINE auto output(const Y&... y) const { return returned(states, list(dual(y)...)); }
};
template <class... All> INLINE auto states(const All&... all) { return returned(list(dual(all)...), End()); }
template <class S, class O> INLINE Returned<S, O> returned(const Returned<S, O>& all) { return all; }
template <class One> INLINE auto returned(const One& only) { return states(only); }

// What a gradient by hand returns.
struct Product {
    real a, b;
};
INLINE Product times(real a, real b) { return {a, b}; }
template <class... All> INLINE auto gradients(const All&... all) { return list(all...); }
