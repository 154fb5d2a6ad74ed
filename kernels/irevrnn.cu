// IRevRNN: h_t = activation(x_t + h), where (h, c_t) comes from (u * h_{t-1}, c_{t-1}) by R reversible sub-steps,
// each hidden unit on its own; see irevrnn.cuh. With a = b = 0 it is IndRNN.
//
// x, y and cells, every c_t, are (T, B, H) by strides; h0, c0, h_n, c_n (B, H); u (H,); a, b (R, H). Backward goes
// through the sub-steps again, from y and cells one step before: it divides by nothing, so that u may be 0.
//
// Set by -D: ACTIVATION, one of activation.cuh, beside the words of irevrnn.cuh and what it includes.
#include "irevrnn.cuh"

extern "C" __global__ void irevrnn_forward(
    const scalar* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ hidden_weights,
    const real* __restrict__ cell_weights, const scalar* __restrict__ h0, const scalar* __restrict__ c0,
    scalar* __restrict__ y, scalar* __restrict__ cells, scalar* __restrict__ h_n, scalar* __restrict__ c_n,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long x_t, long long x_b, long long y_t, long long y_b, long long cells_t, long long cells_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, h, c;
    SubSteps a, b;
    tile.load(u, weight, 0);
    a.load(tile, hidden_weights);
    b.load(tile, cell_weights);
    tile.load(h, h0, H);
    tile.load(c, c0, H);
    walk(tile, {along(x, x_t, x_b)}, {along(y, y_t, y_b), along(cells, cells_t, cells_b)},
         along(resets, resets_t, resets_b), [&](int i, const real* in, real* out, bool reset) INLINED {
        const real before = reset ? real(0) : h[i];
        if (reset) c[i] = 0;
        Seen seen;
        const real gain = couple(i, a, b, u[i], before, c[i], seen);
        out[0] = h[i] = ACTIVATION::value(fma(u[i], before, in[0]) + gain);
        out[1] = c[i];
    });
    tile.store(h, h_n, H);
    tile.store(c, c_n, H);
}

// The cells of some steps from y alone.
extern "C" __global__ void irevrnn_cells(
    const scalar* __restrict__ y, const real* __restrict__ weight, const real* __restrict__ hidden_weights,
    const real* __restrict__ cell_weights, const scalar* __restrict__ h0, const scalar* __restrict__ c0,
    scalar* __restrict__ cells,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long y_t, long long y_b, long long cells_t, long long cells_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, h, c;
    SubSteps a, b;
    tile.load(u, weight, 0);
    a.load(tile, hidden_weights);
    b.load(tile, cell_weights);
    tile.load(h, h0, H);
    tile.load(c, c0, H);
    walk(tile, {along(y, y_t, y_b)}, {along(cells, cells_t, cells_b)}, along(resets, resets_t, resets_b),
         [&](int i, const real* in, real* out, bool reset) INLINED {
        if (reset) h[i] = c[i] = 0;
        Seen seen;
        couple(i, a, b, u[i], h[i], c[i], seen);
        h[i] = in[0];
        out[0] = c[i];
    });
}

// grad_weight is (B, H) and grad_hidden_weights, grad_cell_weights (R, B, H): sums over time for each row, onto what is
// there; to be added up over the rows in a fixed order. grad_h_n and grad_c_n are real, for the steps that come after.
extern "C" __global__ void irevrnn_backward(
    const scalar* __restrict__ grad_y, const real* __restrict__ grad_h_n, const real* __restrict__ grad_c_n,
    const scalar* __restrict__ y, const scalar* __restrict__ cells, const real* __restrict__ weight,
    const real* __restrict__ hidden_weights, const real* __restrict__ cell_weights,
    const scalar* __restrict__ h0, const scalar* __restrict__ c0,
    scalar* __restrict__ grad_x, real* __restrict__ grad_weight, real* __restrict__ grad_hidden_weights,
    real* __restrict__ grad_cell_weights, real* __restrict__ grad_h0, real* __restrict__ grad_c0,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long cells_t, long long cells_b,
    long long grad_x_t, long long grad_x_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    Lanes u, h, grad_h, grad_c, grad_u;
    SubSteps a, b, grad_a, grad_b;
    tile.load(u, weight, 0);
    a.load(tile, hidden_weights);
    b.load(tile, cell_weights);
    tile.load(grad_h, grad_h_n, H);
    tile.load(grad_c, grad_c_n, H);
    tile.load(grad_u, (const real*)grad_weight, H);
    grad_a.resume(tile, grad_hidden_weights);
    grad_b.resume(tile, grad_cell_weights);
    load_first(tile, h, against(y, y_t, y_b));
    walk(tile, {against(grad_y, grad_y_t, grad_y_b), against_one_before(y, h0, y_t, y_b),
                against_one_before(cells, c0, cells_t, cells_b)},
         {against(grad_x, grad_x_t, grad_x_b)}, against(resets, resets_t, resets_b),
         [&](int i, const real* in, real* out, bool reset) INLINED {
        const real before = reset ? real(0) : in[1];
        real c = reset ? real(0) : in[2];
        Seen seen;
        couple(i, a, b, u[i], before, c, seen);
        real grad = ACTIVATION::gradient(in[0] + grad_h[i], h[i]);
        out[0] = grad;
        uncouple(i, a, b, seen, grad, grad_c[i], grad_a, grad_b);
        grad_u[i] = fma(grad, before, grad_u[i]);
        grad_h[i] = reset ? real(0) : u[i] * grad;
        if (reset) grad_c[i] = 0;
        h[i] = in[1];
    });
    tile.store(grad_u, grad_weight, H);
    grad_a.store(tile, grad_hidden_weights);
    grad_b.store(tile, grad_cell_weights);
    tile.store(grad_h, grad_h0, H);
    tile.store(grad_c, grad_c0, H);
}
