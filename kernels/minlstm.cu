// minLSTM: h_t = (f h_{t-1} + i activation(candidate)) / (f + i), f and i the sigmoids of two gates, each hidden unit on
// its own (Feng et al. 2024, arXiv 2410.01201).
#define STEPS_AHEAD 32
#include "gates.cuh"

INLINE auto minlstm(Input auto forget, Input auto input, Input auto candidate, State auto h) {
    return mix(shares(forget, input), h, activation(candidate));
}
