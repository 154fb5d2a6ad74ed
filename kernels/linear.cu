// The linear recurrence h_t = a_t h_{t-1} + b_t, each hidden unit on its own; a_t may have any sign.
//
// a, b and y are (T, B, H) by strides, h0 and h_n (B, H).
#include "gated.cuh"

struct Linear {
    real a, b;
    INLINE Linear(const real* in) : a(in[0]), b(in[1]) {}

    INLINE real next(real h) const { return fma(a, h, b); }
    INLINE real keep() const { return a; }
    INLINE void gradients(real grad, real before, real* out) const {
        out[0] = grad * before;
        out[1] = grad;
    }
};

extern "C" __global__ void linear_forward(
    const scalar* __restrict__ a, const scalar* __restrict__ b, const state* __restrict__ h0, scalar* __restrict__ y,
    scalar* __restrict__ h_n,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long a_t, long long a_b, long long b_t, long long b_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward<Linear>(
        tile,
        {along(a, a_t, a_b), along(b, b_t, b_b)},
        along(y, y_t, y_b), along(resets, resets_t, resets_b), h0, h_n);
}

extern "C" __global__ void linear_backward(
    const scalar* __restrict__ grad_y, const state* __restrict__ grad_h_n, const scalar* __restrict__ y,
    const scalar* __restrict__ a, const scalar* __restrict__ b, const scalar* __restrict__ h0,
    scalar* __restrict__ grad_a, scalar* __restrict__ grad_b, scalar* __restrict__ grad_h0,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long a_t, long long a_b,
    long long b_t, long long b_b, long long grad_a_t, long long grad_a_b, long long grad_b_t, long long grad_b_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward<Linear>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against_one_before(y, h0, y_t, y_b), against(a, a_t, a_b),
        against(b, b_t, b_b)},
        {against(grad_a, grad_a_t, grad_a_b), against(grad_b, grad_b_t, grad_b_b)},
        against(resets, resets_t, resets_b), grad_h_n, grad_h0);
}

#if CHUNKS

extern "C" __global__ void linear_forward_summary(
    const scalar* __restrict__ a, const scalar* __restrict__ b, real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long a_t, long long a_b, long long b_t, long long b_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward_summary<Linear>(
        tile,
        {along(a, a_t, a_b), along(b, b_t, b_b)},
        along(resets, resets_t, resets_b), summary);
}

extern "C" __global__ void linear_backward_summary(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ a, const scalar* __restrict__ b,
    real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long a_t, long long a_b, long long b_t, long long b_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward_summary<Linear>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against(a, a_t, a_b), against(b, b_t, b_b)},
        against(resets, resets_t, resets_b), summary);
}

#endif
