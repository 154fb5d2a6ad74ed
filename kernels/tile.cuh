// Which lanes of a sequence a thread owns, and the values that it keeps for each of them.
//
// A sequence (T, B, H) is addressed by a stride over time and one over the batch; hidden units are contiguous.
// The grid is (blocks of batch rows, blocks of hidden units, chunks of steps). A thread owns lanes, each one hidden
// unit of one row:
//   on a GPU  LANES units of one row, THREADS apart, their state in registers
//   on a CPU  at most TILE lanes, LANES in parallel, of one or several rows, their state in the L1 cache
//
// A row has steps 0 to length - 1; nothing beyond is read, and outputs there are 0. A recurrence runs forward in time, or
// backward with `reverse`; the gradient runs in the opposite direction.
//
// Set by -D: CHUNKS, 1 if time is split into chunks that run in parallel, `chunk` steps each; see chunks.cu.
#pragma once
#include "activation.cuh"

// One value for each lane that a thread owns.
struct Lanes {
    real at[TILE + PAD];
    INLINE real& operator[](int lane) { return at[lane]; }
};

struct Tile {
    const long long T, B, H, chunk;
    const long long* const lengths;  // (B,) or null
    const bool reverse;
    const long long first_step;  // of this chunk
    long long chunks;            // that this thread walks: none, one or several
    long long first_row, first_unit;
    int rows, units;

    INLINE Tile(long long T, long long B, long long H, const long long* lengths, long long reverse, long long chunk)
        : T(T), B(B), H(H), chunk(chunk), lengths(lengths), reverse(reverse),
          first_step(CHUNKS ? blockIdx.z * chunk : 0), chunks(1) {
#if THREADS > 1
        const long long rows_each = 1, units_each = THREADS * LANES;
#else
        const long long rows_each = (B + gridDim.x - 1) / gridDim.x;
        const long long units_each = ((H + gridDim.y - 1) / gridDim.y + LANES - 1) / LANES * LANES;
#endif
        first_row = blockIdx.x * rows_each, first_unit = blockIdx.y * units_each + threadIdx.x;
        rows = int(B - first_row < rows_each ? B - first_row : rows_each);
        units = int(H - first_unit < units_each - threadIdx.x ? H - first_unit : units_each - threadIdx.x);
    }

    INLINE long long length(long long row) const {
        if (!lengths) return T;
        const long long n = lengths[row];
        return n < 0 ? 0 : n > T ? T : n;
    }
    // The number of steps of a row that this thread walks, of `length` in total.
    INLINE long long steps(long long length) const {
        if (!CHUNKS) return length;
        const long long left = length - first_step, most = chunks * chunk;
        return left < 0 ? 0 : left < most ? left : most;
    }

    // f(lane, row, unit, width) for each run of lanes of one row: `width` of them, units THREADS apart.
    template <class F> INLINE void each_run(F f) const {
#if THREADS > 1
        if (units > 0) f(0, first_row, first_unit, (units + THREADS - 1) / THREADS);
#else
        int lane = 0;
        for (int r = 0; r < rows; ++r)
            for (int u = 0; u < units; u += LANES, lane += LANES)
                f(lane, first_row + r, first_unit + u, units - u < LANES ? units - u : LANES);
#endif
    }

    INLINE void fill(Lanes& lanes, real value) const {
        each_run([&](int lane, long long, long long, int width) { EACH_LANE(v, width) lanes[lane + v] = value; });
    }
    // `stride` is that between rows: 0 reads one value per hidden unit. A null pointer reads 0.
    template <class S> INLINE void load(Lanes& lanes, const S* from, long long stride) const {
        if (!from) return fill(lanes, 0);
        each_run([&](int lane, long long row, long long unit, int width) {
            const S* p = from + row * stride + unit;
            EACH_LANE(v, width) lanes[lane + v] = p[v * THREADS];
        });
    }
    // Does nothing for a null pointer.
    template <class S> INLINE void store(Lanes& lanes, S* to, long long stride) const {
        if (to) each_run([&](int lane, long long row, long long unit, int width) {
            S* p = to + row * stride + unit;
            EACH_LANE(v, width) p[v * THREADS] = S(lanes[lane + v]);
        });
    }
    // Stores the values of each chunk.
    template <class S> INLINE void store_part(Lanes& lanes, S* to) const {
        store(lanes, CHUNKS ? to + blockIdx.z * B * H : to, H);
    }

    // The state at the start of a walk, (B, H), or (chunks, B, H). Chunks whose start is unknown, NaN, are left to the
    // thread of the last chunk before them, which continues into them.
    INLINE void start(Lanes& lanes, const real* from) {
        load(lanes, CHUNKS ? from + blockIdx.z * B * H : from, H);
#if CHUNKS
        static_assert(LANES == 1, "each lane has its own chunks");
        each_run([&](int, long long row, long long unit, int) {
            const auto known = [&](long long c) { const real s = from[(c * B + row) * H + unit]; return s == s; };
            if (blockIdx.z && !known(blockIdx.z)) chunks = 0;
            else while (blockIdx.z + chunks < gridDim.z && !known(blockIdx.z + chunks)) ++chunks;
        });
#endif
    }
    // The state at its end: stored by the thread that walks the last step of a row.
    template <class S> INLINE void finish(Lanes& lanes, S* to) const {
#if CHUNKS
        if (to) each_run([&](int, long long row, long long unit, int) {
            const long long left = length(row) - first_step;
            if (left <= chunks * chunk && chunks && (left > 0 || !blockIdx.z)) to[row * H + unit] = S(lanes[0]);
        });
#else
        store(lanes, to, H);
#endif
    }
};
