// IndRNN: h_t = activation(x_t + u h_{t-1}), each hidden unit on its own (Li et al. 2018, arXiv 1803.04831).
#define STEPS_AHEAD 32
#include "cell.cuh"

INLINE auto indrnn(Input auto x, Weight auto u, State auto h) { return activation(fma(u, h, x)); }

// Computed from the output: x is not saved, and backward moves 3 values per element.
INLINE auto indrnn_gradient(Gradient auto grad_h, After auto h_t, Weight auto u, State auto h) {
    const real grad_x = ACTIVATION::gradient(grad_h, h_t);
    return gradients(grad_x, times(grad_x, h), u * grad_x);
}
