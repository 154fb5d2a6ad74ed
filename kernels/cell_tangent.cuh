// The derivative of a cell along a direction.
#include "cell_step.cuh"

// The arguments of a step: values with one derivative, along the direction.
struct Tangents {
    const real *n, *direction;
    template <int K> INLINE Dual<1> at() const {
        Dual<1> x(n[K]);
        x.slope[0] = direction[K];
        return x;
    }
    template <int K, int N> INLINE Row<Dual<1>, N> row() const {
        Row<Dual<1>, N> all = row_of<Dual<1>, K, N>(*this);
        UNROLL (int i = 0; i < N; ++i) all[i].slope[0] = direction[K + i];
        return all;
    }
};

template <int I, class L> INLINE void tangents_of(real* to, const L& all) {
    if constexpr (length_of<L> > 0) {
        to[I] = back<0>(real(0), real(1), all.first);
        tangents_of<I + 1>(to, all.rest);
    }
}
template <int S, class L> INLINE void store_tangents(int lane, Lanes* values, Lanes* tangents, const L& states) {
    if constexpr (S < STATES) {
        values[S][lane] = states.first.value;
        tangents[S][lane] = back<0>(real(0), real(1), states.first);
        store_tangents<S + 1>(lane, values, tangents, states.rest);
    }
}

// The derivatives of the outputs and the last states along a direction of inputs, weights and initial states.
INLINE void cell_tangent(Tile& tile, const Sequence<const scalar*> (&in)[2 * INPUTS],
                         Pointers<const real, WEIGHTS> weights, Pointers<const real, WEIGHTS> weight_directions,
                         Pointers<const real, STATES> initial, Pointers<const real, STATES> initial_directions,
                         const Sequence<scalar*> (&out)[OUTPUTS], Pointers<real, STATES> last,
                         const Sequence<const bool*>& resets) {
    Lanes n_of[WEIGHTS + STATES], d_of[WEIGHTS + STATES];
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(n_of[i], weights[i], 0), tile.load(d_of[i], weight_directions[i], 0);
    UNROLL (int i = 0; i < STATES; ++i) {
        tile.load(n_of[WEIGHTS + i], initial[i], tile.H);
        tile.load(d_of[WEIGHTS + i], initial_directions[i], tile.H);
    }
    walk(tile, in, out, resets, [&](int lane, const real* in, real* out, bool reset) INLINED {
        real n[VARIABLES], direction[VARIABLES];
        UNROLL (int i = 0; i < VARIABLES; ++i) {
            const bool zero = reset && i >= INPUTS + WEIGHTS;
            n[i] = zero ? real(0) : i < INPUTS ? in[i] : n_of[i - INPUTS][lane];
            direction[i] = zero ? real(0) : i < INPUTS ? in[INPUTS + i] : d_of[i - INPUTS][lane];
        }
        const auto after = checked(step(Tangents{n, direction}));
        if constexpr (OUTPUT) tangents_of<0>(out, after.out);
        else out[0] = back<0>(real(0), real(1), after.states.first);
        store_tangents<0>(lane, n_of + WEIGHTS, d_of + WEIGHTS, after.states);
    });
    UNROLL (int i = 0; i < STATES; ++i) tile.store(d_of[WEIGHTS + i], last[i], tile.H);
}
