// IndyGRU: a GRU whose units see only their own h, as in an IndyLSTM. The gates are in the order of torch.nn.GRU; `bias`
// is the one that its reset gate scales.
#define TOGETHER 1
#include "gates.cuh"

INLINE auto indygru(Input auto reset, Input auto update, Input auto candidate, Weights<3> auto u, Weight auto bias,
                    State auto h) {
    const auto r = sigmoid(fma(u[0], h, reset));
    return mix(shares(-fma(u[1], h, update)), h, tanh(fma(r, fma(u[2], h, bias), candidate)));
}
