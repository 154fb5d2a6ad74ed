// LRU: h_t = (a + b i) h_{t-1} + gain x_t, h and x complex; both parts are the output (Orvieto et al. 2023, arXiv 2303.06349).
#include "complex.cuh"

INLINE auto lru(Input auto re, Input auto im, Weight auto a, Weight auto b, Weight auto gain, State auto h, State auto k) {
    const auto next = turned(a, b, h, k, gain * re, gain * im);
    return states(at<0>(next), at<1>(next)).output(at<0>(next), at<1>(next));
}
