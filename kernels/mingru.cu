// minGRU: h_t = (1 - z) h_{t-1} + z activation(candidate), z = sigmoid(gate), each hidden unit on its own (Feng et al.
// 2024, arXiv 2410.01201). In linear space h may have any sign, and float32 keeps its accuracy over any number of steps.
#define STEPS_AHEAD 32
#include "gates.cuh"

INLINE auto mingru(Input auto gate, Input auto candidate, State auto h) {
    return mix(shares(gate), h, activation(candidate));
}
