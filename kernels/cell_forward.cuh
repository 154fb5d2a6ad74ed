// The forward pass of a cell.
#include "cell_step.cuh"
#include "norm.cuh"

// `out`: the outputs that are not states, then the states. `mode`: what is done with the first; see norm.cuh.
template <class Mode>
INLINE void cell_forward(Tile& tile, const Sequence<const scalar*> (&in)[INPUTS], Pointers<const real, WEIGHTS> weights,
                         Pointers<const real, STATES> initial, const Sequence<scalar*> (&out)[OUTPUT + STATES],
                         Pointers<real, STATES> last, Mode mode, const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], s[STATES];
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    UNROLL (int i = 0; i < STATES; ++i) tile.start(s[i], initial[i]);
    mode.start(tile);
    walk(tile, in, out, resets, [&](int lane, const real* in, real* out, bool reset, long long k) INLINED {
        real n[VARIABLES];
        UNROLL (int i = 0; i < INPUTS; ++i) n[i] = mode.input(i, lane, in[i]);
        UNROLL (int i = 0; i < WEIGHTS; ++i) n[INPUTS + i] = w[i][lane];
        UNROLL (int i = 0; i < STATES; ++i) n[INPUTS + WEIGHTS + i] = reset ? real(0) : s[i][lane];
        const auto after = checked(step(Values{n}));
        values_of(out, after.out), values_of(out + OUTPUT, after.states);
        UNROLL (int i = 0; i < STATES; ++i) s[i][lane] = out[OUTPUT + i];
        out[0] = mode.of(lane, out[0], k);
    });
    mode.finish(tile);
    UNROLL (int i = 0; i < STATES; ++i) tile.finish(s[i], last[i]);
}
