// LRU: h_t = (a + b i) h_{t-1} + gain x_t,  y_t = activation(h_t), h and x complex; the output has both parts side by side
// (Orvieto et al. 2023, arXiv 2303.06349).
#include "cell.cuh"

INLINE auto lru(Input auto re, Input auto im, Weight auto a, Weight auto b, Weight auto gain, State auto h, State auto k) {
    const auto h_next = fma(a, h, fma(-b, k, gain * re));
    const auto k_next = fma(a, k, fma(b, h, gain * im));
    return states(h_next, k_next).output(activation(h_next), activation(k_next));
}
