// HGRN with a complex state that is rotated by an angle at each step: h_t = f e^(i angle) h_{t-1} + (1 - f) x_t, f as in hgrn.cu;
// a and b are the cosine and the sine of the angle (Qin et al. 2023, arXiv 2311.04823).
#include "cell.cuh"

INLINE auto hgrn_complex(Input auto re, Input auto im, Input auto forget, Weight auto lower, Weight auto a, Weight auto b,
                         State auto h, State auto k) {
    const auto taken = (1 - lower) * sigmoid(-forget);
    const auto kept = 1 - taken;
    const auto c = kept * a;
    const auto s = kept * b;
    const auto h_next = fma(c, h, fma(-s, k, taken * re));
    const auto k_next = fma(c, k, fma(s, h, taken * im));
    return states(h_next, k_next).output(h_next, k_next);
}
