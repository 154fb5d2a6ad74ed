// SRU: c_t = f c_{t-1} + (1 - f) x_t,  y_t = r activation(c_t) + (1 - r) skip_t,  f and r the sigmoids of a gate and of v
// times c_{t-1} (Lei et al. 2018, arXiv 1709.02755).
#include "sru.cuh"

INLINE auto sru(Input auto x, Input auto forget, Input auto reset, Input auto skip, Weights<2> auto v, State auto c) {
    const auto all = sru_step(x, forget, reset, skip, v, c);
    return states(at<0>(all)).output(at<1>(all));
}
