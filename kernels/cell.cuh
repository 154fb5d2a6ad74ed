// A recurrence is one function: the author writes what a step does, and the kernels and gradients follow.
//
//     INLINE auto leaky(Input auto x, Weight auto u, Weight auto rate, State auto h) {
//         return fma(rate, tanh(fma(u, h, x)) - h, h);
//     }
//
// Inputs come first, then weights, then states. A function of one state returns it as it is after the step, one of more
// `states(h, c)`, in their order. The output is the first state, or what `states(h, c).output(y)` names.
//
// Set by -D: CELL, the name of the function; INPUTS, WEIGHTS, STATES, how many parameters of each kind it has; OUTPUT, 1
// if its output is no state.
#pragma once
#define VARIABLES (INPUTS + WEIGHTS + STATES)
#define STEPS_AHEAD 8
#include "dual.cuh"
#include "recurrence.cuh"

// What a parameter of the function is.
template <class T> concept Input = true;   // a sequence, (T, B, H)
template <class T> concept Weight = true;  // one number for each hidden unit, (H,)
template <class T> concept State = true;   // what a step starts from, and gives

// What a function of several states returns.
struct NoMore {};
template <class First, class Rest, class Output> struct Returned {
    First first;
    Rest rest;
    Output out;
    template <unsigned A> INLINE Returned<First, Rest, Dual<A>> output(const Dual<A>& y) const { return {first, rest, y}; }
};
INLINE NoMore states() { return {}; }
template <unsigned A, class... More> INLINE auto states(const Dual<A>& first, const More&... more) {
    const auto rest = states(more...);
    return Returned<Dual<A>, decltype(states(more...)), NoMore>{first, rest, {}};
}

template <int I, unsigned A> INLINE const Dual<A>& state_of(const Dual<A>& only) { return only; }
template <class T> constexpr int states_of = 1;
template <> constexpr int states_of<NoMore> = 0;
template <class F, class R, class O> constexpr int states_of<Returned<F, R, O>> = 1 + states_of<R>;
template <int I, class F, class R, class O> INLINE const auto& state_of(const Returned<F, R, O>& all) {
    if constexpr (I == 0) return all.first;
    else return state_of<I - 1>(all.rest);
}
template <unsigned A> INLINE const Dual<A>& output_of(const Dual<A>& only) { return only; }
template <class F, class R> INLINE const F& output_of(const Returned<F, R, NoMore>& all) { return all.first; }
template <class F, class R, unsigned A> INLINE const Dual<A>& output_of(const Returned<F, R, Dual<A>>& all) { return all.out; }
