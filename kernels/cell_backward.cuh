// The backward pass of a cell.
#include "cell_gradient.cuh"
#include "norm.cuh"

// `in`: the gradients of the outputs, the saved inputs, and the states before each step. Gradients of weights are summed
// over time for each row, (WEIGHTS, B, H), starting from the sums of later steps; the caller sums over the rows in a fixed
// order. `mode`: what the incoming gradient belongs to; if it reads an output that is not a state, that comes last in `in`.
// See norm.cuh.
template <class Mode, int IN>
INLINE void cell_backward(Tile& tile, const Sequence<const scalar*> (&in)[IN],
                          Pointers<const real, WEIGHTS> weights, Pointers<const real, STATES> grad_last,
                          const Sequence<scalar*> (&grad_in)[INPUTS], const real* sums_after, real* sums_out,
                          Pointers<real, STATES> grad_initial, Mode mode, const Sequence<const bool*>& resets) {
    constexpr int FOLLOWED = AFTER ? STATES : Mode::READS_OUTPUT && !OUTPUT;  // states after a step that are read
    Lanes w[WEIGHTS + 1], sums[WEIGHTS + 1], grad[STATES], after[STATES];
    const long long each = tile.B * tile.H, part = CHUNKS ? blockIdx.z * WEIGHTS * each : 0;
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    const bool resumes = sums_after && !(CHUNKS && blockIdx.z);  // the sums of chunks are added up later
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(sums[i], resumes ? sums_after + i * each : nullptr, tile.H);
    UNROLL (int i = 0; i < STATES; ++i) tile.start(grad[i], grad_last[i]);
    UNROLL (int i = 0; i < FOLLOWED; ++i) load_first(tile, after[i], in[OUTPUTS + KEPT + i]);
    mode.start(tile);
    walk(tile, in, grad_in, resets, [&](int lane, const real* in, real* out, bool reset) INLINED {
        real n[VARIABLES], found[VARIABLES], grads[OUTPUT + STATES + 1], states[STATES + 1];  // g++ keeps arrays of one in memory
        const real* stored = in + OUTPUTS + KEPT;
        place_inputs(n, in + OUTPUTS);
        UNROLL (int i = 0; i < INPUTS; ++i) n[i] = mode.input(i, lane, n[i]);
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane], found[INPUTS + i] = sums[i][lane];
        UNROLL (int i = 0; i < STATES; ++i) n[INPUTS + WEIGHTS + i] = reset ? real(0) : stored[i];
        UNROLL (int i = 0; i < STATES; ++i) grads[OUTPUT + i] = grad[i][lane], states[i] = after[i][lane];
        const real grad_y = mode.of(lane, in[0], OUTPUT ? in[IN - 1] : after[0][lane]);
        grads[0] = OUTPUT ? grad_y : grad_y + grads[0];
        UNROLL (int i = 1; i < OUTPUT; ++i) grads[i] = in[i];
        find_gradients(found, grads, states, n);
        UNROLL (int i = 0; i < INPUTS; ++i) out[i] = found[i], mode.add_up(i, lane, found[i]);
        UNROLL (int i = 0; i < WEIGHTS; ++i) sums[i][lane] = found[INPUTS + i];
        UNROLL (int i = 0; i < STATES; ++i) grad[i][lane] = reset ? real(0) : found[INPUTS + WEIGHTS + i];
        UNROLL (int i = 0; i < FOLLOWED; ++i) after[i][lane] = stored[i];
    });
    mode.finish(tile);
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.store(sums[i], sums_out + part + i * each, tile.H);
    UNROLL (int i = 0; i < STATES; ++i) tile.finish(grad[i], grad_initial[i]);
}
