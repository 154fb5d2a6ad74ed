// QRNN's f-pooling: h_t = f h_{t-1} + (1 - f) tanh(z), f = sigmoid(forget) (Bradbury et al. 2017, arXiv 1611.01576).
#define STEPS_AHEAD 32
#include "gates.cuh"

INLINE auto qrnn_f(Input auto z, Input auto forget, State auto h) { return mix(shares(-forget), h, tanh(z)); }
