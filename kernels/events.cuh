// A matrix of recurrent weights, (H, W), read only where units are active: the rows of the units in a list.
//
// A block processes one row of the batch; its threads take units or columns in turn. Sums are in a fixed order.
#pragma once
#include "recurrence.cuh"

#if THREADS > 1
#define EACH_UNIT(i, units) for (int i = threadIdx.x; i < units; i += THREADS)
#else
#define EACH_UNIT(i, units) SIMD (int i = 0; i < units; ++i)
#endif

// A list of units out of LISTED consecutive ones, in their order.
#define LISTED 1024
struct List {
    int units[LISTED];
    int ends[THREADS];  // the position after the units that each thread adds
};

// Lists the units from `first` on for which wanted(unit) is true; returns their number.
template <class F> INLINE int find(List& list, int first, int units, F wanted) {
    const int each = LISTED / THREADS, begin = first + threadIdx.x * each;
    const int end = begin + each < units ? begin + each : units;
    int place = 0;
#if THREADS > 1
    int count = 0;
    for (int i = begin; i < end; ++i) count += wanted(i);
    list.ends[threadIdx.x] = count;
    __syncthreads();
    for (int offset = 1; offset < THREADS; offset *= 2) {
        const int before = threadIdx.x >= offset ? list.ends[threadIdx.x - offset] : 0;
        __syncthreads();
        list.ends[threadIdx.x] += before;
        __syncthreads();
    }
    place = list.ends[threadIdx.x] - count;
#endif
    for (int i = begin; i < end; ++i)
        if (wanted(i)) list.units[place++] = i;
    __syncthreads();
    return THREADS > 1 ? list.ends[THREADS - 1] : place;
}

// sums += the rows of N units, each times its unit's value.
template <int N>
INLINE void add_some_rows(const int* units, const real* values, const real* matrix, int width, real* sums) {
    real value[N];
    const real* weights[N];
    UNROLL (int n = 0; n < N; ++n) value[n] = values[units[n]], weights[n] = matrix + (long long)units[n] * width;
    EACH_UNIT(j, width) {
        real sum = sums[j];
        UNROLL (int n = 0; n < N; ++n) sum = fma(value[n], weights[n][j], sum);
        sums[j] = sum;
    }
}
// The same for all listed units, AT_ONCE together: that many loads are in flight, and a sum is read and written once.
#define AT_ONCE (THREADS > 1 ? 16 : 8)
INLINE void add_rows(const List& list, int count, const real* values, const real* matrix, int width, real* sums) {
    int n = 0;
    for (; n + AT_ONCE <= count; n += AT_ONCE) add_some_rows<AT_ONCE>(list.units + n, values, matrix, width, sums);
    for (; n < count; ++n) add_some_rows<1>(list.units + n, values, matrix, width, sums);
}

// products[unit] = the sum over columns of vector * the unit's row of the matrix, for the listed units: SPAN partial
// sums, which are then added by halves. A team of threads processes ROWS units at a time.
#define SPAN 32
#define ROWS 4
#if THREADS > 1
#define TEAMS (THREADS / SPAN)
#define MEMBERS SPAN
#else
#define TEAMS 1
#define MEMBERS 1
#endif
struct Parts {  // the partial sums of all teams, with one more element in each row against bank conflicts
    real of[TEAMS * ROWS][SPAN + 1];
};
INLINE void dot_rows(const List& list, int count, const real* vector, const real* matrix, int width, Parts& parts,
                     real* products) {
    const int team = threadIdx.x / MEMBERS, member = threadIdx.x % MEMBERS;
    for (int first = 0; first < count; first += TEAMS * ROWS) {
        real sums[ROWS][SPAN / MEMBERS];
        const real* weights[ROWS];
        UNROLL (int r = 0; r < ROWS; ++r) {
            const int n = first + team * ROWS + r;
            weights[r] = matrix + (long long)list.units[n < count ? n : count - 1] * width;
            UNROLL (int v = 0; v < SPAN / MEMBERS; ++v) sums[r][v] = 0;
        }
        const auto add = [&](int from, int columns) INLINED {
            UNROLL (int r = 0; r < ROWS; ++r)
                for (int v = 0; v < columns; ++v)
                    sums[r][v] = fma(vector[from + v], weights[r][from + v], sums[r][v]);
        };
        int from = member;
        for (; from + SPAN - MEMBERS < width; from += SPAN) add(from, SPAN / MEMBERS);
        if (from < width) add(from, MEMBERS > 1 ? 1 : width - from);
        UNROLL (int r = 0; r < ROWS; ++r)
            UNROLL (int v = 0; v < SPAN / MEMBERS; ++v) parts.of[team * ROWS + r][member + v] = sums[r][v];
        __syncthreads();
        for (int n = threadIdx.x; n < TEAMS * ROWS && first + n < count; n += THREADS) {
            for (int half = SPAN / 2; half; half /= 2)
                for (int v = 0; v < half; ++v) parts.of[n][v] += parts.of[n][v + half];
            products[list.units[first + n]] = parts.of[n][0];
        }
        __syncthreads();
    }
}
