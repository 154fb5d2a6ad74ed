// SRU without the skip: c_t = f c_{t-1} + (1 - f) x_t,  y_t = r activation(c_t) (Lei et al. 2018, arXiv 1709.02755).
#include "sru.cuh"

INLINE auto sru_alone(Input auto x, Input auto forget, Input auto reset, Weights<2> auto v, State auto c) {
    const auto c_next = sru_state(x, forget, v, c);
    return states(c_next).output(sigmoid(fma(v[1], c, reset)) * activation(c_next));
}
