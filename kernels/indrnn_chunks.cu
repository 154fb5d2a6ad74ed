// IndRNN in chunks of time that run side by side: what a chunk makes of the state that comes into it, found before that
// state is known. See chunks.cu.
#include "recurrence.cuh"

// Steps h -> clamp(u * h + x), one after the other, are one h -> clamp(q * h + r, low, high): low and high are what
// becomes of the smallest and the largest number. Exact for activations that clamp: relu, hardtanh, identity.
extern "C" __global__ void indrnn_forward_summary(
    const scalar* __restrict__ x, const real* __restrict__ weight, real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long x_t, long long x_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, q, r, low, high;
    tile.load(u, weight, 0);
    tile.fill(q, 1);
    tile.fill(r, 0);
    tile.fill(low, -Constants<real>::LARGEST);
    tile.fill(high, Constants<real>::LARGEST);
    walk(tile, {along(x, x_t, x_b)}, along(resets, resets_t, resets_b), [&](int i, const real* in, bool reset) {
        q[i] = reset ? real(0) : u[i] * q[i];
        r[i] = fma(u[i], reset ? real(0) : r[i], in[0]);
        low[i] = ACTIVATION::value(fma(u[i], reset ? real(0) : low[i], in[0]));
        high[i] = ACTIVATION::value(fma(u[i], reset ? real(0) : high[i], in[0]));
    });
    const long long each = gridDim.z * B * H;
    tile.store_part(q, summary);
    tile.store_part(r, summary + each);
    tile.store_part(low, summary + 2 * each);
    tile.store_part(high, summary + 3 * each);
}

// The gradient of a state is linear in the one that comes in, q * grad + r, whatever the activation.
extern "C" __global__ void indrnn_backward_summary(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ y, const real* __restrict__ weight,
    real* __restrict__ summary, const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, q, r;
    tile.load(u, weight, 0);
    tile.fill(q, 1);
    tile.fill(r, 0);
    walk(tile, {against(grad_y, grad_y_t, grad_y_b), against(y, y_t, y_b)}, against(resets, resets_t, resets_b),
         [&](int i, const real* in, bool reset) {
        q[i] = reset ? real(0) : u[i] * ACTIVATION::gradient(q[i], in[1]);
        r[i] = reset ? real(0) : u[i] * ACTIVATION::gradient(in[0] + r[i], in[1]);
    });
    tile.store_part(q, summary);
    tile.store_part(r, summary + gridDim.z * B * H);
}
