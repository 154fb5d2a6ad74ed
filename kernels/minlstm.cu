// minLSTM: h_t = f' h_{t-1} + i' act(candidate), f' = f / (f + i), i' = i / (f + i), with f and i the sigmoids of two
// gates, each hidden unit on its own (Feng et al. 2024, arXiv 2410.01201).
//
// forget, input, candidate and y are (T, B, H) by strides, h0 and h_n (B, H). Set by -D: ACTIVATION, of the candidate.
#include "gated.cuh"

// Both shares are sums of powers of e at most 1, the largest of which is 1: nothing overflows or cancels, however large
// the gates. With m = min(0, forget, input): f' = a / (a + b), a = e^m + e^(m - input), b = e^m + e^(m - forget).
struct MinLSTM {
    real keeps, takes, candidate, forget_rest, input_rest;  // f', i'; sigmoid(-gate) is forget_rest / b, input_rest / a

    INLINE MinLSTM(const real* in) : candidate(ACTIVATION::value(in[2])) {
        const real least = -Constants<real>::LARGEST;  // two gates of -inf count as equal
        const real forget = in[0] < least ? least : in[0], input = in[1] < least ? least : in[1];
        const real lower = forget < input ? forget : input, m = lower < 0 ? lower : real(0);
        const real one = decay(m), e_input = decay(m - input), e_forget = decay(m - forget);
        const real a = one + e_input, b = one + e_forget, both = 1 / (a + b);
        keeps = a * both, takes = b * both, forget_rest = e_forget * both, input_rest = e_input * both;
    }
    INLINE real next(real h) const {
        const bool kept = keeps >= takes;
        return mix(kept, kept ? takes : keeps, h, candidate);
    }
    INLINE real keep() const { return keeps; }
    INLINE void gradients(real grad, real before, real* out) const {
        const real half = half_apart(candidate, before);
        out[0] = half * (-2 * (keeps * forget_rest)) * grad;
        out[1] = half * (2 * (takes * input_rest)) * grad;
        out[2] = ACTIVATION::gradient(grad * takes, candidate);
    }
};

extern "C" __global__ void minlstm_forward(
    const scalar* __restrict__ forget, const scalar* __restrict__ input, const scalar* __restrict__ candidate,
    const state* __restrict__ h0, scalar* __restrict__ y, scalar* __restrict__ h_n,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long forget_t, long long forget_b, long long input_t, long long input_b,
    long long candidate_t, long long candidate_b, long long y_t, long long y_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward<MinLSTM>(
        tile,
        {along(forget, forget_t, forget_b), along(input, input_t, input_b),
        along(candidate, candidate_t, candidate_b)},
        along(y, y_t, y_b), along(resets, resets_t, resets_b), h0, h_n);
}

extern "C" __global__ void minlstm_backward(
    const scalar* __restrict__ grad_y, const state* __restrict__ grad_h_n, const scalar* __restrict__ y,
    const scalar* __restrict__ forget, const scalar* __restrict__ input, const scalar* __restrict__ candidate,
    const scalar* __restrict__ h0, scalar* __restrict__ grad_forget, scalar* __restrict__ grad_input,
    scalar* __restrict__ grad_candidate, scalar* __restrict__ grad_h0,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long forget_t, long long forget_b,
    long long input_t, long long input_b, long long candidate_t, long long candidate_b,
    long long grad_forget_t, long long grad_forget_b, long long grad_input_t, long long grad_input_b,
    long long grad_candidate_t, long long grad_candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward<MinLSTM>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against_one_before(y, h0, y_t, y_b),
        against(forget, forget_t, forget_b), against(input, input_t, input_b),
        against(candidate, candidate_t, candidate_b)},
        {against(grad_forget, grad_forget_t, grad_forget_b), against(grad_input, grad_input_t, grad_input_b),
        against(grad_candidate, grad_candidate_t, grad_candidate_b)},
        against(resets, resets_t, resets_b), grad_h_n, grad_h0);
}

#if CHUNKS

extern "C" __global__ void minlstm_forward_summary(
    const scalar* __restrict__ forget, const scalar* __restrict__ input, const scalar* __restrict__ candidate,
    real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long forget_t, long long forget_b, long long input_t, long long input_b,
    long long candidate_t, long long candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_forward_summary<MinLSTM>(
        tile,
        {along(forget, forget_t, forget_b), along(input, input_t, input_b),
        along(candidate, candidate_t, candidate_b)},
        along(resets, resets_t, resets_b), summary);
}

extern "C" __global__ void minlstm_backward_summary(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ forget, const scalar* __restrict__ input,
    const scalar* __restrict__ candidate, real* __restrict__ summary,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long forget_t, long long forget_b,
    long long input_t, long long input_b, long long candidate_t, long long candidate_b)
{
    Tile tile(T, B, H, lengths, reverse, chunk);
    gated_backward_summary<MinLSTM>(
        tile,
        {against(grad_y, grad_y_t, grad_y_b), against(forget, forget_t, forget_b), against(input, input_t, input_b),
        against(candidate, candidate_t, candidate_b)},
        against(resets, resets_t, resets_b), summary);
}

#endif
