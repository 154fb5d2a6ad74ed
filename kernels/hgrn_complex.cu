// HGRN with a complex state that turns by an angle in each step: h_t = f e^(i angle) h_{t-1} + (1 - f) x_t, f as in hgrn.cu;
// a and b are the cosine and the sine of the angle (Qin et al. 2023, arXiv 2311.04823).
#include "complex.cuh"

INLINE auto hgrn_complex(Input auto re, Input auto im, Input auto forget, Weight auto lower, Weight auto a, Weight auto b,
                         State auto h, State auto k) {
    const auto taken = (1 - lower) * sigmoid(-forget), kept = 1 - taken;
    const auto next = turned(kept * a, kept * b, h, k, taken * re, taken * im);
    return states(at<0>(next), at<1>(next)).output(at<0>(next), at<1>(next));
}
