// SRU: c_t = f c_{t-1} + (1 - f) x_t,  y_t = r activation(c_t) + (1 - r) skip_t,  f and r the sigmoids of a gate plus
// v c_{t-1} (Lei et al. 2018, arXiv 1709.02755).
#include "sru.cuh"

INLINE auto sru(Input auto x, Input auto forget, Input auto reset, Input auto skip, Weights<2> auto v, State auto c) {
    const auto c_next = sru_state(x, forget, v, c);
    return states(c_next).output(mix(shares(fma(v[1], c, reset)), skip, activation(c_next)));
}
