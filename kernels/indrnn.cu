// IndRNN: h_t = activation(x_t + u * h_{t-1}), each hidden unit on its own (Li et al. 2018, arXiv 1803.04831).
//
// x and y are (T, B, H) by strides, h0 and h_n (B, H), u (H,). The derivative of the activation comes from y, so that
// x is not kept: forward moves 2 numbers an element (x, y), backward 3 (grad_y, y, grad_x).
//
// Set by -D: ACTIVATION, one of activation.cuh, beside the words of dialect.cuh.
#include "recurrence.cuh"

extern "C" __global__ void indrnn_forward(
    const scalar* __restrict__ x, const real* __restrict__ weight, const scalar* __restrict__ h0,
    scalar* __restrict__ y, scalar* __restrict__ h_n,
    long long T, long long B, long long H, long long x_t, long long x_b, long long y_t, long long y_b)
{
    Tile tile(B, H);
    Lanes u, h;
    tile.load(u, weight, 0);
    tile.load(h, h0, H);
    tile.walk(T, {forward(x, x_t, x_b)}, {forward(y, y_t, y_b)}, [&](int i, const real* in, real* out) {
        out[0] = h[i] = ACTIVATION::value(fma(u[i], h[i], in[0]));
    });
    tile.store(h, h_n, H);
}

// grad_weight is (B, H): a sum over time for each row, to be added up over the rows in a fixed order.
extern "C" __global__ void indrnn_backward(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ grad_h_n, const scalar* __restrict__ y,
    const real* __restrict__ weight, const scalar* __restrict__ h0,
    scalar* __restrict__ grad_x, real* __restrict__ grad_weight, scalar* __restrict__ grad_h0,
    long long T, long long B, long long H, long long grad_y_t, long long grad_y_b, long long y_t, long long y_b,
    long long grad_x_t, long long grad_x_b)
{
    Tile tile(B, H);
    Lanes u, h, grad_h, grad_u;
    tile.load(u, weight, 0);
    tile.load(h, y + (T - 1) * y_t, y_b);
    tile.load(grad_h, grad_h_n, H);
    tile.fill(grad_u, 0);
    tile.walk(T, {backward(grad_y, grad_y_t, grad_y_b, T), backward_before(y, h0, y_t, y_b, T)},
              {backward(grad_x, grad_x_t, grad_x_b, T)}, [&](int i, const real* in, real* out) {
        const real grad = ACTIVATION::gradient(in[0] + grad_h[i], h[i]);
        h[i] = in[1];
        grad_u[i] = fma(grad, h[i], grad_u[i]);
        grad_h[i] = u[i] * grad;
        out[0] = grad;
    });
    tile.store(grad_u, grad_weight, H);
    tile.store(grad_h, grad_h0, H);
}
