// What a chunk of time makes of the gradient that comes into it; see chunks.cu.
#include "cell_gradient.cuh"

// The gradient of a state is linear in the one that comes in, q * grad + r, whatever the cell. `in` as in cell_backward.
INLINE void cell_backward_summary(const Tile& tile, const Sequence<const scalar*> (&in)[1 + KEPT + STATES],
                                  Pointers<const real, WEIGHTS> weights, real* summary,
                                  const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], q, r, after;
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    tile.fill(q, 1), tile.fill(r, 0);
    if (AFTER) load_first(tile, after, in[1 + KEPT]);
    walk(tile, in, resets, [&](int lane, const real* in, bool reset) INLINED {
        real n[VARIABLES];
        place_inputs(n, in + 1);
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane];
        n[VARIABLES - 1] = reset ? real(0) : in[1 + KEPT];
        const auto before = [&](real grad_y, real grad) {
            real found[VARIABLES] = {}, grads[OUTPUT + 2];
            grads[OUTPUT] = grad;
            grads[0] = OUTPUT ? grad_y : grad_y + grad;
            find_gradients(found, grads, &after[lane], n);
            return reset ? real(0) : found[VARIABLES - 1];
        };
        q[lane] = before(0, q[lane]), r[lane] = before(in[0], r[lane]);
        if (AFTER) after[lane] = in[1 + KEPT];
    });
    tile.store_part(q, summary), tile.store_part(r, summary + gridDim.z * tile.B * tile.H);
}
