// The time loop, written once for any cell.
//
// A sequence (T, B, H) is addressed by a stride over time and one over the batch; hidden units lie side by side.
// The grid is (blocks of batch rows, blocks of hidden units). A thread owns lanes, each one hidden unit of one row:
//   on a GPU  LANES units of one row, THREADS apart, their state in registers
//   on a CPU  at most TILE lanes, LANES side by side, of one or several rows, their state in the first cache
#pragma once
#include "activation.cuh"

// One number for each lane that a thread owns.
struct Lanes {
    real at[TILE];
    INLINE real& operator[](int lane) { return at[lane]; }
};

// A sequence in the order it is walked: step k of a row starts at first + k * step + row * stride.
template <class Pointer> struct Sequence {
    Pointer first;
    long long step, stride;
    Pointer last;  // (B, H): read in place of the last step, if not null

    INLINE Pointer at(long long k, long long row) const { return first + k * step + row * stride; }
};
template <class Pointer>
INLINE Sequence<Pointer> forward(Pointer p, long long stride_t, long long stride_b) {
    return {p, stride_t, stride_b, nullptr};
}
template <class Pointer>
INLINE Sequence<Pointer> backward(Pointer p, long long stride_t, long long stride_b, long long T) {
    return {p + (T - 1) * stride_t, -stride_t, stride_b, nullptr};
}
// What stood before each step of y, walked backward: y one step earlier, and h0 before the first.
template <class Pointer>
INLINE Sequence<Pointer> backward_before(Pointer y, Pointer h0, long long stride_t, long long stride_b, long long T) {
    return {y + (T - 2) * stride_t, -stride_t, stride_b, h0};
}

class Tile {
    long long H, first_row, first_unit;
    int rows, units;

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
    static INLINE void run(int lane, int width, const scalar* const (&from)[I], scalar* const (&to)[O], Step& step) {
        scalar results[O][LANES];
        EACH_LANE(v, width) {
            real in[I], out[O];
            UNROLL (int s = 0; s < I; ++s) in[s] = from[s][v];
            step(lane + v, in, out);
            UNROLL (int s = 0; s < O; ++s) results[s][v] = out[s];
        }
        UNROLL (int s = 0; s < O; ++s) store_lanes(to[s], results[s], width);
    }

  public:
    INLINE Tile(long long B, long long H) : H(H) {
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
            EACH_LANE(v, width) p[v * THREADS] = lanes[lane + v];
        });
    }

    // Walks all sequences together, a step at a time: step(lane, in, out) gets one number of each input and sets one
    // of each output.
    template <int I, int O, class Step>
    INLINE void walk(long long steps, const Sequence<const scalar*> (&in)[I], const Sequence<scalar*> (&out)[O],
                     Step step) const {
#ifdef __CUDACC_RTC__
        // Two buffers: the loads of the next DEPTH steps are under way while the current ones are worked on. Pointers
        // that step along cost far fewer registers than an address worked out for each load.
        constexpr int DEPTH = PREFETCH / I;
        typedef scalar Buffer[DEPTH][I][LANES];
        Buffer even, odd;
        each_run([&](int lane, long long row, long long unit, int width) {
            const scalar* from[I];
            scalar* to[O];
            UNROLL (int s = 0; s < I; ++s) from[s] = in[s].at(0, row) + unit;
            UNROLL (int s = 0; s < O; ++s) to[s] = out[s].at(0, row) + unit;
            auto steps_left = [&](long long k) { return steps - k > DEPTH ? DEPTH + 1 : int(steps - k); };
            auto load = [&](Buffer& buffer, long long k) {
                const int left = steps_left(k);
                UNROLL (int d = 0; d < DEPTH; ++d)
                    UNROLL (int s = 0; s < I; ++s) {
                        const scalar* p = in[s].last && d == left - 1 ? in[s].last + row * H + unit : from[s];
                        EACH_LANE(v, width) if (d < left) buffer[d][s][v] = p[v * THREADS];
                        from[s] += in[s].step;
                    }
            };
            auto work = [&](Buffer& buffer, long long k) {
                const int left = steps_left(k);
                UNROLL (int d = 0; d < DEPTH; ++d) {
                    const scalar* values[I];
                    UNROLL (int s = 0; s < I; ++s) values[s] = buffer[d][s];
                    if (d < left) run(lane, width, values, to, step);
                    UNROLL (int s = 0; s < O; ++s) to[s] += out[s].step;
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
        for (long long k = 0; k < steps; ++k)
            each_run([&](int lane, long long row, long long unit, int width) {
                const scalar* from[I];
                scalar* to[O];
                UNROLL (int s = 0; s < I; ++s)
                    from[s] = (in[s].last && k == steps - 1 ? in[s].last + row * H : in[s].at(k, row)) + unit;
                UNROLL (int s = 0; s < O; ++s) to[s] = out[s].at(k, row) + unit;
                run(lane, width, from, to, step);
            });
#endif
    }
};
