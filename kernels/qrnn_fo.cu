// QRNN's fo-pooling: c_t = f c_{t-1} + (1 - f) tanh(z),  y_t = o c_t, f and o the sigmoids of two gates (Bradbury et al.
// 2017, arXiv 1611.01576).
#include "gates.cuh"

INLINE auto qrnn_fo(Input auto z, Input auto forget, Input auto output, State auto c) {
    const auto c_next = mix(shares(-forget), c, tanh(z));
    return states(c_next).output(sigmoid(output) * c_next);
}
