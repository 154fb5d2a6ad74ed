// Combines the lanes of all rows for each unit, between the passes of a norm; see norm.cu.
#include "tile.cuh"

// The mean, the variance and the number of steps of each unit, (3, H), from the measurements of the lanes of all rows,
// (3, B, H): row by row in double precision, by Chan et al. A row has lengths[row] steps; T is 3 times the number of rows.
extern "C" __global__ void unit_statistics(
    const scalar* __restrict__ parts, double* __restrict__ statistics,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long parts_t, long long parts_b)
{
    const Tile tile(T, B, H, nullptr, reverse, chunk);
    const long long rows = T / 3;
    tile.each_run([&](int, long long, long long unit, int width) {
        double mean[LANES], spread[LANES], count = 0;
        EACH_LANE(v, width) mean[v] = spread[v] = 0;
        for (long long row = 0; row < rows; ++row) {
            const double n = double(lengths[row]), before = count;
            if (n <= 0) continue;
            count += n;
            const scalar *first = parts + row * H + unit, *of_row = first + rows * H, *around = of_row + rows * H;
            EACH_LANE(v, width) {
                const double apart = double(first[v * THREADS]) + double(of_row[v * THREADS]) - mean[v];
                mean[v] += apart * (n / count);
                spread[v] += double(around[v * THREADS]) + apart * apart * (before * (n / count));
            }
        }
        EACH_LANE(v, width) {
            double* of_unit = statistics + unit + v * THREADS;
            of_unit[0] = mean[v], of_unit[H] = count > 0 ? spread[v] / count : 0, of_unit[2 * H] = count;
        }
    });
}

// For each unit, the sums over the rows of two values per lane, (2, B, H), times the mask, if there is one: (2, H).
// T is twice the number of rows.
extern "C" __global__ void unit_sums(
    const scalar* __restrict__ sums, const real* __restrict__ mask, double* __restrict__ totals,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long sums_t, long long sums_b)
{
    const Tile tile(T, B, H, nullptr, reverse, chunk);
    const long long rows = T / 2;
    tile.each_run([&](int, long long, long long unit, int width) {
        double total[2][LANES];
        EACH_LANE(v, width) total[0][v] = total[1][v] = 0;
        for (long long row = 0; row < rows; ++row)
            for (int i = 0; i < 2; ++i) {
                const long long place = row * H + unit;
                const scalar* from = sums + i * rows * H + place;
                EACH_LANE(v, width)
                    total[i][v] += double(from[v * THREADS]) * (mask ? double(mask[place + v * THREADS]) : 1.0);
            }
        for (int i = 0; i < 2; ++i) EACH_LANE(v, width) totals[i * H + unit + v * THREADS] = total[i][v];
    });
}
