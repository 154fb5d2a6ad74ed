// HGRN: h_t = f h_{t-1} + (1 - f) x_t,  f = lower + (1 - lower) sigmoid(forget) (Qin et al. 2023, arXiv 2311.04823).
#include "cell.cuh"

INLINE auto hgrn(Input auto x, Input auto forget, Weight auto lower, State auto h) {
    const auto taken = (1 - lower) * sigmoid(-forget);
    return fma(1 - taken, h, taken * x);
}
