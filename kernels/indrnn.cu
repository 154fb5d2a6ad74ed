// IndRNN: h_t = activation(x_t + u * h_{t-1}), each hidden unit on its own (Li et al. 2018, arXiv 1803.04831).
//
// x and y are (T, B, H) by strides, h0 and h_n (B, H), u (H,). The derivative of the activation comes from y, so that
// x is not kept: forward moves 2 numbers an element (x, y), backward 3 (grad_y, y, grad_x).
//
// Set by -D: ACTIVATION, one of activation.cuh, beside the words of dialect.cuh, tile.cuh and recurrence.cuh.
#include "recurrence.cuh"

extern "C" __global__ void indrnn_forward(
    const scalar* __restrict__ x, const real* __restrict__ weight, const state* __restrict__ h0,
    scalar* __restrict__ y, scalar* __restrict__ h_n,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long x_t, long long x_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, h;
    tile.load(u, weight, 0);
    tile.start(h, h0);
    walk(tile, {along(x, x_t, x_b)}, {along(y, y_t, y_b)}, along(resets, resets_t, resets_b),
         [&](int i, const real* in, real* out, bool reset) {
        const real before = reset ? real(0) : h[i];
        out[0] = h[i] = ACTIVATION::value(fma(u[i], before, in[0]));
    });
    tile.finish(h, h_n);
}

// grad_weight is (B, H), for each chunk: a sum over time for each row, to be added up over the rows in a fixed order.
extern "C" __global__ void indrnn_backward(
    const scalar* __restrict__ grad_y, const state* __restrict__ grad_h_n, const scalar* __restrict__ y,
    const real* __restrict__ weight, const scalar* __restrict__ h0,
    scalar* __restrict__ grad_x, real* __restrict__ grad_weight, scalar* __restrict__ grad_h0,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long grad_x_t, long long grad_x_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, h, grad_h, grad_u;
    tile.load(u, weight, 0);
    tile.start(grad_h, grad_h_n);
    tile.fill(grad_u, 0);
    load_first(tile, h, against(y, y_t, y_b));
    walk(tile, {against(grad_y, grad_y_t, grad_y_b), against_one_before(y, h0, y_t, y_b)},
         {against(grad_x, grad_x_t, grad_x_b)}, against(resets, resets_t, resets_b),
         [&](int i, const real* in, real* out, bool reset) {
        const real grad = ACTIVATION::gradient(in[0] + grad_h[i], h[i]);
        grad_u[i] = fma(grad, reset ? real(0) : in[1], grad_u[i]);
        grad_h[i] = reset ? real(0) : u[i] * grad;
        h[i] = in[1];
        out[0] = grad;
    });
    tile.store_part(grad_u, grad_weight);
    tile.finish(grad_h, grad_h0);
}
