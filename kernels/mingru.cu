// minGRU: h_t = h_{t-1} + z (act(candidate) - h_{t-1}), z = sigmoid(gate), each hidden unit on its own (Feng et al.
// 2024, arXiv 2410.01201). In linear space h may have any sign, and float32 keeps its accuracy over any number of steps.
//
// gate, candidate and y are (T, B, H) by strides, h0 and h_n (B, H). Set by -D: ACTIVATION, of the candidate.
#include "gated.cuh"

struct MinGRU {
    real candidate, larger, smaller;  // of the shares 1 - z and z
    bool kept;                        // 1 - z is the larger

    INLINE MinGRU(const real* in) : candidate(ACTIVATION::value(in[1])), kept(!(in[0] >= 0)) {
        const real power = decay(-fabs(in[0]));
        larger = 1 / (1 + power), smaller = power * larger;
    }
    INLINE real next(real h) const { return mix(kept, smaller, h, candidate); }
    INLINE real keep() const { return kept ? larger : smaller; }
    INLINE void gradients(real grad, real before, real* out) const {
        out[0] = half_apart(candidate, before) * (2 * (larger * smaller)) * grad;
        out[1] = ACTIVATION::gradient(grad * (kept ? smaller : larger), candidate);
    }
};

extern "C" __global__ void mingru_forward(
    const scalar* __restrict__ gate, const scalar* __restrict__ candidate, const state* __restrict__ h0,
    scalar* __restrict__ y, scalar* __restrict__ h_n,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long gate_t, long long gate_b, long long candidate_t, long long candidate_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward<MinGRU>(
        tile,
        {along(gate, gate_t, gate_b), along(candidate, candidate_t, candidate_b)},
        along(y, y_t, y_b), along(resets, resets_t, resets_b), h0, h_n);
}

extern "C" __global__ void mingru_backward(
    const scalar* __restrict__ grad_y, const state* __restrict__ grad_h_n, const scalar* __restrict__ y,
    const scalar* __restrict__ gate, const scalar* __restrict__ candidate, const scalar* __restrict__ h0,
    scalar* __restrict__ grad_gate, scalar* __restrict__ grad_candidate, scalar* __restrict__ grad_h0,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long gate_t, long long gate_b,
    long long candidate_t, long long candidate_b, long long grad_gate_t, long long grad_gate_b,
    long long grad_candidate_t, long long grad_candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward<MinGRU>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against_one_before(y, h0, y_t, y_b), against(gate, gate_t, gate_b),
        against(candidate, candidate_t, candidate_b)},
        {against(grad_gate, grad_gate_t, grad_gate_b), against(grad_candidate, grad_candidate_t, grad_candidate_b)},
        against(resets, resets_t, resets_b), grad_h_n, grad_h0);
}

#if CHUNKS

extern "C" __global__ void mingru_forward_summary(
    const scalar* __restrict__ gate, const scalar* __restrict__ candidate, real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long gate_t, long long gate_b, long long candidate_t, long long candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward_summary<MinGRU>(
        tile,
        {along(gate, gate_t, gate_b), along(candidate, candidate_t, candidate_b)},
        along(resets, resets_t, resets_b), summary);
}

extern "C" __global__ void mingru_backward_summary(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ gate, const scalar* __restrict__ candidate,
    real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long gate_t, long long gate_b,
    long long candidate_t, long long candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward_summary<MinGRU>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against(gate, gate_t, gate_b),
        against(candidate, candidate_t, candidate_b)},
        against(resets, resets_t, resets_b), summary);
}

#endif
