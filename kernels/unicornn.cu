// UnICORNN: independent undamped oscillators, y'' = -tanh(w y + x) - alpha y, by a symplectic step of its own for each unit
// (Rusch and Mishra 2021, arXiv 2103.05487).
#include "cell.cuh"

INLINE auto unicornn(Input auto x, Weight auto w, Weight auto step, Weight auto alpha, State auto y, State auto z) {
    const auto z_next = fma(-step, fma(alpha, y, tanh(fma(w, y, x))), z);
    return states(fma(step, z_next, y), z_next);
}
