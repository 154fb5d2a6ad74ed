// The time loop, written once for any cell.
//
// A sequence (T, B, H) is addressed by a stride over time and one over the batch; hidden units lie side by side.
// The grid is (blocks of batch rows, blocks of hidden units). A thread owns lanes, each one hidden unit of one row:
//   on a GPU  LANES units of one row, THREADS apart, their state in registers
//   on a CPU  at most TILE lanes, LANES side by side, of one or several rows, their state in the first cache
//
// A row has steps 0 to length - 1; what lies beyond is not read, and outputs there are 0. A recurrence runs through the
// steps in time, or against it with `reverse`; the gradient walks the opposite way.
//
// Set by -D: RESETS, 1 if there may be steps before which the state is zero.
#pragma once
#include "activation.cuh"

// One number for each lane that a thread owns.
struct Lanes {
    real at[TILE];
    INLINE real& operator[](int lane) { return at[lane]; }
};

// Which way a sequence is walked, and from where.
enum Walk { ALONG, AGAINST, AGAINST_ONE_BEFORE };  // the recurrence; ... the state before each step

template <class Pointer> struct Sequence {
    Pointer start;
    long long stride_t, stride_b;
    Walk walk;
    Pointer initial;  // (B, H): the state before the first step, for AGAINST_ONE_BEFORE
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

class Tile {
    long long T, H, first_row, first_unit;
    int rows, units;
    const long long* lengths;  // (B,) or null
    bool reverse;

    INLINE long long length(long long row) const {
        if (!lengths) return T;
        const long long n = lengths[row];
        return n < 0 ? 0 : n > T ? T : n;
    }
    template <class Pointer> INLINE bool rises(const Sequence<Pointer>& s) const { return (s.walk == ALONG) != reverse; }
    // Where the walk through `n` steps begins, and how it goes on.
    template <class Pointer> INLINE Pointer begin(const Sequence<Pointer>& s, long long n, long long row) const {
        const long long skipped = s.walk == AGAINST_ONE_BEFORE, t = rises(s) ? skipped : n - 1 - skipped;
        return s.start + row * s.stride_b + t * s.stride_t;
    }
    template <class Pointer> INLINE long long stride(const Sequence<Pointer>& s) const {
        return rises(s) ? s.stride_t : -s.stride_t;
    }

    // f(lane, row, unit, width) for each run of lanes of one row: `width` of them, units THREADS apart.
    template <class F> INLINE void each_run(F f) const {
#ifdef __CUDACC_RTC__
        if (units > 0) f(0, first_row, first_unit, (units + THREADS - 1) / THREADS);
#else
        int lane = 0;
        for (int r = 0; r < rows; ++r)
            for (int u = 0; u < units; u += LANES, lane += LANES)
                if (units - u >= LANES) f(lane, first_row + r, first_unit + u, LANES);  // a constant width is faster
                else f(lane, first_row + r, first_unit + u, units - u);
#endif
    }

    template <int I, int O, class Step>
    static INLINE void run(int lane, int width, const scalar* const (&from)[I], scalar* const (&to)[O], bool reset,
                           Step& step) {
        scalar results[O][LANES];
        EACH_LANE(v, width) {
            real in[I], out[O];
            UNROLL (int s = 0; s < I; ++s) in[s] = from[s][v];
            step(lane + v, in, out, reset);
            UNROLL (int s = 0; s < O; ++s) results[s][v] = out[s];
        }
        UNROLL (int s = 0; s < O; ++s) store_lanes(to[s], results[s], width);
    }

  public:
    INLINE Tile(long long T, long long B, long long H, const long long* lengths, long long reverse)
        : T(T), H(H), lengths(lengths), reverse(reverse) {
#ifdef __CUDACC_RTC__
        const long long rows_each = 1, units_each = THREADS * LANES;
#else
        const long long rows_each = (B + gridDim.x - 1) / gridDim.x;
        const long long units_each = ((H + gridDim.y - 1) / gridDim.y + LANES - 1) / LANES * LANES;
#endif
        first_row = blockIdx.x * rows_each, first_unit = blockIdx.y * units_each + threadIdx.x;
        rows = int(B - first_row < rows_each ? B - first_row : rows_each);
        units = int(H - first_unit < units_each - threadIdx.x ? H - first_unit : units_each - threadIdx.x);
    }

    INLINE void fill(Lanes& lanes, real value) const {
        each_run([&](int lane, long long, long long, int width) { EACH_LANE(v, width) lanes[lane + v] = value; });
    }
    // `stride` lies between the rows: 0 reads one number per hidden unit.
    template <class T> INLINE void load(Lanes& lanes, const T* from, long long stride) const {
        each_run([&](int lane, long long row, long long unit, int width) {
            const T* p = from + row * stride + unit;
            EACH_LANE(v, width) lanes[lane + v] = p[v * THREADS];
        });
    }
    template <class T> INLINE void store(Lanes& lanes, T* to, long long stride) const {
        each_run([&](int lane, long long row, long long unit, int width) {
            T* p = to + row * stride + unit;
            EACH_LANE(v, width) p[v * THREADS] = T(lanes[lane + v]);
        });
    }
    // Reads what a walk comes to first; 0 in a row without steps.
    INLINE void load_first(Lanes& lanes, const Sequence<const scalar*>& s) const {
        each_run([&](int lane, long long row, long long unit, int width) {
            const long long n = length(row);
            const scalar* p = begin(s, n, row) + unit;
            EACH_LANE(v, width) lanes[lane + v] = n ? real(p[v * THREADS]) : real(0);
        });
    }

    // Walks all sequences together, a step at a time: step(lane, in, out, reset) gets one number of each input and sets
    // one of each output; `reset` says that the state before the step is zero, by `resets` (T, B), where it is not null.
    template <int I, int O, class Step>
    INLINE void walk(const Sequence<const scalar*> (&in)[I], const Sequence<scalar*> (&out)[O],
                     const Sequence<const bool*>& resets, Step step) const {
#ifdef __CUDACC_RTC__
        each_run([&](int lane, long long row, long long unit, int width) {
            // Two buffers: the loads of the next DEPTH steps are under way while the current ones are worked on. Pointers
            // that step along cost far fewer registers than an address worked out for each load.
            constexpr int DEPTH = PREFETCH / I;
            struct Buffer {
                scalar values[DEPTH][I][LANES];
                bool reset[DEPTH];
            } even, odd;
            const long long steps = length(row);
            const scalar* from[I];
            scalar* to[O];
            const bool* reset = RESETS ? begin(resets, steps, row) : nullptr;
            UNROLL (int s = 0; s < I; ++s) from[s] = begin(in[s], steps, row) + unit;
            UNROLL (int s = 0; s < O; ++s) to[s] = begin(out[s], steps, row) + unit;
            auto steps_left = [&](long long k) { return steps - k > DEPTH ? DEPTH + 1 : int(steps - k); };
            auto load = [&](Buffer& buffer, long long k) {
                const int left = steps_left(k);
                UNROLL (int d = 0; d < DEPTH; ++d) {
                    UNROLL (int s = 0; s < I; ++s) {
                        const bool initial = in[s].walk == AGAINST_ONE_BEFORE && d == left - 1;
                        const scalar* p = initial ? in[s].initial + row * H + unit : from[s];
                        EACH_LANE(v, width) if (d < left) buffer.values[d][s][v] = p[v * THREADS];
                        from[s] += stride(in[s]);
                    }
                    if (RESETS && d < left) buffer.reset[d] = *reset;
                    if (RESETS) reset += stride(resets);
                }
            };
            auto work = [&](Buffer& buffer, long long k) {
                const int left = steps_left(k);
                UNROLL (int d = 0; d < DEPTH; ++d) {
                    const scalar* values[I];
                    UNROLL (int s = 0; s < I; ++s) values[s] = buffer.values[d][s];
                    if (d < left) run(lane, width, values, to, RESETS && buffer.reset[d], step);
                    UNROLL (int s = 0; s < O; ++s) to[s] += stride(out[s]);
                }
            };
            load(even, 0);
            for (long long k = 0; k < steps; k += 2 * DEPTH) {
                load(odd, k + DEPTH);
                work(even, k);
                load(even, k + 2 * DEPTH);
                work(odd, k + DEPTH);
            }
        });
#else
        for (long long k = 0; k < T; ++k)
            each_run([&](int lane, long long row, long long unit, int width) {
                const long long steps = length(row);
                if (k >= steps) return;
                const scalar* from[I];
                scalar* to[O];
                UNROLL (int s = 0; s < I; ++s) {
                    const bool initial = in[s].walk == AGAINST_ONE_BEFORE && k == steps - 1;
                    from[s] = (initial ? in[s].initial + row * H : begin(in[s], steps, row) + k * stride(in[s])) + unit;
                }
                UNROLL (int s = 0; s < O; ++s) to[s] = begin(out[s], steps, row) + k * stride(out[s]) + unit;
                const bool reset = RESETS && *(begin(resets, steps, row) + k * stride(resets));
                run(lane, width, from, to, reset, step);
            });
#endif
        if (lengths) UNROLL (int s = 0; s < O; ++s) clear_rest(out[s]);
    }

  private:
    // Zeros where a row has no steps.
    INLINE void clear_rest(const Sequence<scalar*>& s) const {
        each_run([&](int, long long row, long long unit, int width) {
            for (long long t = length(row); t < T; ++t) {
                scalar* p = s.start + row * s.stride_b + t * s.stride_t + unit;
                EACH_LANE(v, width) p[v * THREADS] = real(0);
            }
        });
    }
};
