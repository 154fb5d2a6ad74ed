// How the state that leaves a chunk of time depends on the one that enters it; see chunks.cu.
#include "cell_step.cuh"

// The arguments of a step: constants, and the state as a linear number.
struct OfState {
    const real* n;
    Affine state;
    template <int K> INLINE auto at() const {
        if constexpr (K == VARIABLES - 1) return state;
        else return Constant(n[K]);
    }
    template <int K, int N> INLINE Row<Constant, N> row() const { return row_of<Constant, K, N>(*this); }
};

// A step that is linear in the state, or linear and clamped, h -> clamp(q * h + r), remains so over many steps: low and
// high are the results for the smallest and the largest number.
INLINE real state_after(const real* n, real state) {
    real with[VARIABLES], after[STATES + 1];
    UNROLL (int i = 0; i < VARIABLES - 1; ++i) with[i] = n[i];
    with[VARIABLES - 1] = state;
    values_of(after, checked(step(Values{with})).states);
    return after[0];
}
INLINE void cell_forward_summary(const Tile& tile, const Sequence<const scalar*> (&in)[INPUTS],
                                 Pointers<const real, WEIGHTS> weights, real* summary,
                                 const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], q, r, low, high;
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    tile.fill(q, 1), tile.fill(r, 0);
    tile.fill(low, -Constants<real>::LARGEST), tile.fill(high, Constants<real>::LARGEST);
    walk(tile, in, resets, [&](int lane, const real* in, bool reset) INLINED {
        real n[VARIABLES];
        UNROLL (int i = 0; i < INPUTS; ++i) n[i] = in[i];
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane];
        const auto after = at<0>(step(OfState{n, {reset ? real(0) : q[lane], reset ? real(0) : r[lane]}}).states);
        q[lane] = after.by, r[lane] = after.at_0;
        low[lane] = state_after(n, reset ? real(0) : low[lane]);
        high[lane] = state_after(n, reset ? real(0) : high[lane]);
    });
    const long long each = gridDim.z * tile.B * tile.H;
    tile.store_part(q, summary), tile.store_part(r, summary + each);
    tile.store_part(low, summary + 2 * each), tile.store_part(high, summary + 3 * each);
}
