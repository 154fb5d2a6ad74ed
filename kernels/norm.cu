// The passes of a norm and a dropout outside the passes of a recurrence; see norm.cuh.
#include "recurrence.cuh"
#include "norm.cuh"

// z = ((y - mean) * rate + bias) * mask
extern "C" __global__ void normalize(
    const scalar* __restrict__ y, const real* __restrict__ mean, const real* __restrict__ rate,
    const real* __restrict__ bias, const real* __restrict__ mask, scalar* __restrict__ z,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long y_t, long long y_b, long long z_t, long long z_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Normalized norm(mean, rate, bias, mask);
    norm.start(tile);
    walk(tile, {along(y, y_t, y_b)}, {along(z, z_t, z_b)}, along(resets, resets_t, resets_b),
         [&](int lane, const real* in, real* out, bool) INLINED { out[0] = norm.of(lane, in[0], 0); });
}

// For each lane, the sums over time of the gradient of z, and of its product with y - mean: (2, B, H).
extern "C" __global__ void normalize_sums(
    const scalar* __restrict__ grad_z, const scalar* __restrict__ y, const real* __restrict__ mean, real* __restrict__ sums,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_z_t, long long grad_z_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes center, sum, products;
    tile.load(center, mean, 0), tile.fill(sum, 0), tile.fill(products, 0);
    walk(tile, {along(grad_z, grad_z_t, grad_z_b), along(y, y_t, y_b)}, along(resets, resets_t, resets_b),
         [&](int lane, const real* in, bool) INLINED {
        sum[lane] += in[0];
        products[lane] = fma(in[0], in[1] - center[lane], products[lane]);
    });
    tile.store(sum, sums, H), tile.store(products, sums + B * H, H);
}
