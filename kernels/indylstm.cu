// IndyLSTM: an LSTM whose units see only their own h, with peepholes p to their own c (Gonnet and Deselaers 2019, arXiv
// 1903.08023). The gates are in the order of torch.nn.LSTM.
#define TOGETHER 1
#include "cell.cuh"

INLINE auto indylstm(Input auto input, Input auto forget, Input auto candidate, Input auto output, Weights<4> auto u,
                     Weights<3> auto p, State auto h, State auto c) {
    const auto i = sigmoid(fma(p[0], c, fma(u[0], h, input)));
    const auto f = sigmoid(fma(p[1], c, fma(u[1], h, forget)));
    const auto c_next = fma(f, c, i * tanh(fma(u[2], h, candidate)));
    const auto o = sigmoid(fma(p[2], c_next, fma(u[3], h, output)));
    return states(o * tanh(c_next), c_next);
}
