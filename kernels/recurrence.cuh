// The time loop, written once for any cell.
//
// Set by -D: RESETS, 1 if there may be steps before which the state is set to zero.
#pragma once
#include "tile.cuh"

// The direction in which a sequence is walked, and where the walk starts.
enum Walk { ALONG, AGAINST, AGAINST_ONE_BEFORE };  // relative to the recurrence; the last reads the state before each step

template <class Pointer> struct Sequence {
    Pointer start;
    long long stride_t, stride_b;
    Walk walk;
    Pointer initial;  // (B, H): the state before the first step, for AGAINST_ONE_BEFORE

    INLINE bool rises(const Tile& tile) const { return (walk == ALONG) != tile.reverse; }
    INLINE long long stride(const Tile& tile) const { return rises(tile) ? stride_t : -stride_t; }
    // Where a walk through a row of `length` steps is after k steps.
    INLINE Pointer at(const Tile& tile, long long k, long long length, long long row) const {
        const long long passed = k + (walk == AGAINST_ONE_BEFORE), t = rises(tile) ? passed : length - 1 - passed;
        return start + row * stride_b + t * stride_t;
    }
};
template <class Pointer> INLINE Sequence<Pointer> along(Pointer p, long long stride_t, long long stride_b) {
    return {p, stride_t, stride_b, ALONG, nullptr};
}
template <class Pointer> INLINE Sequence<Pointer> against(Pointer p, long long stride_t, long long stride_b) {
    return {p, stride_t, stride_b, AGAINST, nullptr};
}
template <class Pointer>
INLINE Sequence<Pointer> against_one_before(Pointer p, Pointer initial, long long stride_t, long long stride_b) {
    return {p, stride_t, stride_b, AGAINST_ONE_BEFORE, initial};
}

// Loads a sequence at the first step of a walk against the recurrence; 0 for a row without steps.
INLINE void load_first(const Tile& tile, Lanes& lanes, Sequence<const scalar*> s) {
    s.walk = AGAINST;
    tile.each_run([&](int lane, long long row, long long unit, int width) {
        const long long n = tile.length(row);
        const scalar* p = s.at(tile, tile.first_step, n, row) + unit;
        EACH_LANE(v, width) lanes[lane + v] = tile.steps(n) ? real(p[v * THREADS]) : real(0);
    });
}

// Writes zeros past the length of each row.
INLINE void clear_rest(const Tile& tile, const Sequence<scalar*>& s) {
    tile.each_run([&](int, long long row, long long unit, int width) {
        const long long length = tile.length(row), end = tile.first_step + tile.chunk;
        for (long long t = length > tile.first_step ? length : tile.first_step; t < tile.T && t < end; ++t) {
            scalar* p = s.start + row * s.stride_b + t * s.stride_t + unit;
            EACH_LANE(v, width) p[v * THREADS] = real(0);
        }
    });
}

// Calls a step, with its index k if it accepts one.
template <class Step>
INLINE void call(Step& step, int lane, const real* in, real* out, bool reset, long long k) {
    if constexpr (requires { step(lane, in, out, reset, k); }) step(lane, in, out, reset, k);
    else step(lane, in, out, reset);
}

// D steps of a run of lanes, one after the other, from the k-th on.
template <int I, int O, int D, class Step>
INLINE void work(int lane, int width, const scalar* const (&from)[D][I], scalar* const (&to)[D][O + 1],
                 const bool (&reset)[D], long long k, Step& step) {
#if STREAM
    scalar results[D][O + 1][LANES];
#endif
    EACH_LANE(v, width) {
        UNROLL (int d = 0; d < D; ++d) {
            real in[I], out[O + 1];
            UNROLL (int s = 0; s < I; ++s) in[s] = from[d][s][v];
            call(step, lane + v, in, out, reset[d], k + d);
#if STREAM
            UNROLL (int s = 0; s < O; ++s) results[d][s][v] = out[s];
#else
            UNROLL (int s = 0; s < O; ++s) to[d][s][v * THREADS] = out[s];
#endif
        }
    }
#if STREAM
    UNROLL (int d = 0; d < D; ++d) UNROLL (int s = 0; s < O; ++s) stream_lanes(to[d][s], results[d][s], width);
#endif
}

#if THREADS > 1

// The most steps that are loaded ahead. Their code is unrolled, so a file with a long step sets fewer.
#ifndef STEPS_AHEAD
#define STEPS_AHEAD PREFETCH
#endif

// Two buffers: the loads of the next DEPTH steps are in flight while the current ones are computed. Pointers that are
// incremented take far fewer registers than an address computed for each load.
template <int I, int O, class Step>
INLINE void walk_row(const Tile& tile, const Sequence<const scalar*>* in, const Sequence<scalar*>* out,
                     const Sequence<const bool*>& resets, Step& step,
                     int lane, long long row, long long unit, int width) {
    constexpr int DEPTH = PREFETCH / I < STEPS_AHEAD ? PREFETCH / I : STEPS_AHEAD;
    struct Buffer {
        scalar values[DEPTH][I][LANES];
        bool reset[DEPTH];
    } even, odd;
    const long long length = tile.length(row), steps = tile.steps(length), last = length - tile.first_step;
    const scalar* from[I];
    scalar* to[O + 1];
    const bool* reset = RESETS ? resets.at(tile, tile.first_step, length, row) : nullptr;
    UNROLL (int s = 0; s < I; ++s) from[s] = in[s].at(tile, tile.first_step, length, row) + unit;
    UNROLL (int s = 0; s < O; ++s) to[s] = out[s].at(tile, tile.first_step, length, row) + unit;
    const auto left = [](long long steps) { return steps > DEPTH ? DEPTH + 1 : int(steps); };
    const auto load = [&](Buffer& buffer, long long k) {
        const int steps_left = left(steps - k), row_left = CHUNKS ? left(last - k) : steps_left;
        UNROLL (int d = 0; d < DEPTH; ++d) {
            UNROLL (int s = 0; s < I; ++s) {
                const bool initial = in[s].walk == AGAINST_ONE_BEFORE && d == row_left - 1;
                const scalar* p = initial ? in[s].initial + row * tile.H + unit : from[s];
                EACH_LANE(v, width) if (d < steps_left) buffer.values[d][s][v] = p[v * THREADS];
                from[s] += in[s].stride(tile);
            }
            if (RESETS && d < steps_left) buffer.reset[d] = *reset;
            if (RESETS) reset += resets.stride(tile);
        }
    };
    const auto run = [&](Buffer& buffer, long long k) {
        const int steps_left = left(steps - k);
        UNROLL (int d = 0; d < DEPTH; ++d) {
            const scalar* values[1][I];
            scalar* results[1][O + 1];
            UNROLL (int s = 0; s < I; ++s) values[0][s] = buffer.values[d][s];
            UNROLL (int s = 0; s < O; ++s) results[0][s] = to[s];
            const bool reset[1] = {RESETS && d < steps_left && buffer.reset[d]};
            if (d < steps_left) work<I, O, 1>(lane, width, values, results, reset, k + d, step);
            UNROLL (int s = 0; s < O; ++s) to[s] += out[s].stride(tile);
        }
    };
    load(even, 0);
    for (long long k = 0; k < steps; k += 2 * DEPTH) {
        load(odd, k + DEPTH);
        run(even, k);
        load(even, k + 2 * DEPTH);
        run(odd, k + DEPTH);
    }
}

template <int I, int O, class Step>
INLINE void walk_tile(const Tile& tile, const Sequence<const scalar*>* in, const Sequence<scalar*>* out,
                      const Sequence<const bool*>& resets, Step& step) {
    tile.each_run([&](int lane, long long row, long long unit, int width) {
        walk_row<I, O>(tile, in, out, resets, step, lane, row, unit, width);
    });
}

#else

// The most steps that a run of lanes computes at once, with values in registers. A file with a long step sets 1.
#ifndef TOGETHER
#define TOGETHER 4
#endif
#define AHEAD 2  // steps whose values are prefetched into the L2 cache

// D steps of a run of lanes, from the k-th on.
template <int I, int O, int D, class Step>
INLINE void walk_run(const Tile& tile, const Sequence<const scalar*>* in, const Sequence<scalar*>* out,
                     const Sequence<const bool*>& resets, Step& step,
                     long long k, long long length, int lane, long long row, long long unit, int width) {
    const scalar* from[D][I];
    scalar* to[D][O + 1];
    bool reset[D];
    UNROLL (int d = 0; d < D; ++d) {
        UNROLL (int s = 0; s < I; ++s) {
            const bool initial = in[s].walk == AGAINST_ONE_BEFORE && k + d == length - 1;
            from[d][s] = (initial ? in[s].initial + row * tile.H : in[s].at(tile, k + d, length, row)) + unit;
            UNROLL (int line = 0; line < LANES * int(sizeof(scalar)); line += 64)
                __builtin_prefetch((const char*)(from[d][s] + AHEAD * in[s].stride(tile)) + line, 0, 2);
        }
        UNROLL (int s = 0; s < O; ++s) to[d][s] = out[s].at(tile, k + d, length, row) + unit;
        reset[d] = RESETS && *resets.at(tile, k + d, length, row);
    }
    work<I, O, D>(lane, width, from, to, reset, k, step);
}

// All rows together, D steps at a time: long contiguous parts of memory at each step. The strides of sequences are often
// powers of two, so that accesses map to few sets of the L1 cache: with more sequences, fewer steps.
template <int I, int O, class Step>
INLINE void walk_tile(const Tile& tile, const Sequence<const scalar*>* in, const Sequence<scalar*>* out,
                      const Sequence<const bool*>& resets, Step& step) {
    constexpr int MOST = I + O <= 3 ? 4 : I + O <= 6 ? 2 : 1, D = TOGETHER < MOST ? TOGETHER : MOST;
    for (long long k = 0; k < tile.T; k += D)
        tile.each_run([&](int lane, long long row, long long unit, int width) INLINED {
            const long long length = tile.length(row);
            if (k + D <= length && width == LANES) [[likely]]
                return walk_run<I, O, D>(tile, in, out, resets, step, k, length, lane, row, unit, LANES);  // constant: faster
            for (long long j = k; j < length && j < k + D; ++j)
                walk_run<I, O, 1>(tile, in, out, resets, step, j, length, lane, row, unit, width);
        });
}

#endif

// Walks all sequences together: step(lane, in, out, reset) gets one value of each input and sets one of each output;
// `reset` is true if the state before the step is zero, by `resets` (T, B), if it is not null. A step with a fifth argument
// gets its index in the walk.
template <int I, int O, class Step>
INLINE void walk(const Tile& tile, const Sequence<const scalar*> (&in)[I], const Sequence<scalar*> (&out)[O],
                 const Sequence<const bool*>& resets, Step step) {
    walk_tile<I, O>(tile, in, out, resets, step);
    if (tile.lengths) UNROLL (int s = 0; s < O; ++s) clear_rest(tile, out[s]);
}
// The same without an output: step(lane, in, reset).
template <int I, class Step>
INLINE void walk(const Tile& tile, const Sequence<const scalar*> (&in)[I], const Sequence<const bool*>& resets,
                 Step step) {
    const auto no_output = [&](int lane, const real* in, real*, bool reset) { step(lane, in, reset); };
    walk_tile<I, 0>(tile, in, (const Sequence<scalar*>*)nullptr, resets, no_output);
}
