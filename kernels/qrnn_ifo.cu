// QRNN's ifo-pooling: c_t = f c_{t-1} + i tanh(z),  y_t = o c_t, f, i and o the sigmoids of three gates (Bradbury et al.
// 2017, arXiv 1611.01576).
#include "cell.cuh"

INLINE auto qrnn_ifo(Input auto z, Input auto forget, Input auto output, Input auto input, State auto c) {
    const auto c_next = fma(sigmoid(forget), c, sigmoid(input) * tanh(z));
    return states(c_next).output(sigmoid(output) * c_next);
}
