// How the gradient that leaves a chunk of time depends on the one that enters it; see chunks.cu.
#include "cell_gradient.cuh"

// For every cell, the gradient of a state is linear in the incoming one, q * grad + r. `in` as in cell_backward.
INLINE void cell_backward_summary(const Tile& tile, const Sequence<const scalar*> (&in)[OUTPUTS + KEPT + STATES],
                                  Pointers<const real, WEIGHTS> weights, real* summary,
                                  const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], q, r, after;
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    tile.fill(q, 1), tile.fill(r, 0);
    if (AFTER) load_first(tile, after, in[OUTPUTS + KEPT]);
    walk(tile, in, resets, [&](int lane, const real* in, bool reset) INLINED {
        real n[VARIABLES];
        place_inputs(n, in + OUTPUTS);
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane];
        n[VARIABLES - 1] = reset ? real(0) : in[OUTPUTS + KEPT];
        const auto before = [&](bool with_outputs, real grad) {
            real found[VARIABLES] = {}, grads[OUTPUTS + 1];
            UNROLL (int i = 0; i < OUTPUTS; ++i) grads[i] = with_outputs ? in[i] : real(0);
            grads[OUTPUT] = OUTPUT ? grad : grads[0] + grad;
            find_gradients(found, grads, &after[lane], n);
            return reset ? real(0) : found[VARIABLES - 1];
        };
        q[lane] = before(false, q[lane]), r[lane] = before(true, r[lane]);
        if (AFTER) after[lane] = in[OUTPUTS + KEPT];
    });
    tile.store_part(q, summary), tile.store_part(r, summary + gridDim.z * tile.B * tile.H);
}
