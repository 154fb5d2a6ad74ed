// The states of a cell, recomputed for backward.
#include "cell_step.cuh"
#include "norm.cuh"

template <class T> constexpr unsigned variables_of = 0;
template <unsigned A> constexpr unsigned variables_of<Dual<A>> = A;
template <class F, class R> constexpr unsigned variables_of<List<F, R>> = variables_of<F> | variables_of<R>;

// Recomputes the states of some steps from their inputs and, if it is a state, the output, which comes first in `in`.
template <class Mode>
INLINE void cell_states(Tile& tile, const Sequence<const scalar*> (&in)[!OUTPUT + KEPT],
                        Pointers<const real, WEIGHTS> weights, Pointers<const real, STATES> initial,
                        const Sequence<scalar*> (&out)[STATES - !OUTPUT], Mode mode,
                        const Sequence<const bool*>& resets) {
    typedef decltype(step(Variables{nullptr}).states) All;
    static_assert(!((OUTPUT ? variables_of<All> : variables_of<decltype(All::rest)>) & UNKEPT),
                  "memory='recompute' needs an input that the gradient by hand does not take; let it take that");
    Lanes w[WEIGHTS + 1], s[STATES];
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    UNROLL (int i = 0; i < STATES; ++i) tile.load(s[i], initial[i], tile.H);
    mode.start(tile);
    walk(tile, in, out, resets, [&](int lane, const real* in, real* out, bool reset) INLINED {
        real n[VARIABLES], states[STATES + 1];
        place_inputs(n, in + !OUTPUT);
        UNROLL (int i = 0; i < INPUTS; ++i) n[i] = mode.input(i, lane, n[i]);
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane];
        UNROLL (int i = 0; i < STATES; ++i) n[INPUTS + WEIGHTS + i] = reset ? real(0) : s[i][lane];
        values_of(states, checked(step(Values{n})).states);
        if (!OUTPUT) states[0] = in[0];
        UNROLL (int i = 0; i < STATES; ++i) s[i][lane] = states[i];
        UNROLL (int i = 0; i < STATES - !OUTPUT; ++i) out[i] = states[i + !OUTPUT];
    });
}
