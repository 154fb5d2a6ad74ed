// RG-LRU: h_t = a h_{t-1} + sqrt(1 - a^2) i x_t,  a = e^(-rate r), r and i the sigmoids of two gates (De et al. 2024, arXiv
// 2402.19427).
#include "cell.cuh"

INLINE auto rglru(Input auto x, Input auto recurrence, Input auto input, Weight auto rate, State auto h) {
    const auto log_a = -(rate * sigmoid(recurrence));
    return fma(exp(log_a), h, sqrt(-expm1(2 * log_a)) * (sigmoid(input) * x));
}
