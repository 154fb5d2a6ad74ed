// A recurrence in chunks of time that run in parallel, for few lanes and many steps, where a GPU would be idle:
//   1. the summary of each chunk, how the state that leaves it depends on the one that enters it; all chunks in parallel
//   2. this kernel: the state at the start of each chunk, one chunk after the other
//   3. the recurrence as usual, all chunks in parallel, each from its start
//
// A summary is h -> q * h + r, with CLAMPED clamped to [low, high]. Summaries are applied one after the other, never
// multiplied. If one is not finite, or its q = u^steps is so large that q * h and r may cancel, the starts after it are
// unknown, NaN, and in 3. the last thread with a known start continues through the chunks without one.
//
// Set by -D: CLAMPED, 1 if low and high bound the state that leaves a chunk. SCALAR is REAL here.
#include "recurrence.cuh"

extern "C" __global__ void chunk_starts(
    const scalar* __restrict__ summary, const scalar* __restrict__ initial, scalar* __restrict__ starts,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long starts_t, long long starts_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);  // T: the number of chunks
    Lanes h;
    tile.load(h, initial, H);
    const auto part = [&](int number) { return along(summary + number * T * starts_t, starts_t, starts_b); };
#if CLAMPED
    walk(tile, {part(0), part(1), part(2), part(3)},
#else
    walk(tile, {part(0), part(1)},
#endif
         {along(starts, starts_t, starts_b)}, along(resets, resets_t, resets_b),
         [&](int i, const real* in, real* out, bool) {
        const real q = in[0], r = in[1], next = fma(q, h[i], r);
        const bool known = fabs(q) <= 256 && next - next == 0;  // next is finite, so r and h are too
        out[0] = h[i];
        h[i] = known ? next : bit_cast<real>(~Constants<real>::bits(0));
#if CLAMPED
        const real low = in[2] < in[3] ? in[2] : in[3], high = in[2] < in[3] ? in[3] : in[2];
        h[i] = h[i] < low ? low : h[i] > high ? high : h[i];
#endif
    });
}
