// UnICORNN: independent undamped oscillators, y'' = -tanh(w y + x) - alpha y, by symplectic steps of a size of its own for each
// unit (Rusch and Mishra 2021, arXiv 2103.05487).
#include "cell.cuh"

INLINE auto unicornn(Input auto x, Weight auto w, Weight auto step, Weight auto alpha, State auto y, State auto z) {
    const auto z_next = fma(-step, fma(alpha, y, tanh(fma(w, y, x))), z);
    return states(fma(step, z_next, y), z_next);
}

// Updates the gradients after the step to those before it, as the step is close to the identity: a derivative of 1 - small
// would lose digits of the small part at every step.
INLINE auto unicornn_gradient(Gradient auto grad_y, Gradient auto grad_z, Input auto x, Weight auto w, Weight auto step,
                              Weight auto alpha, State auto y, State auto z) {
    const real t = Tanh::value(fma(w, y, x)), force = fma(alpha, y, t), grad = fma(step, grad_y, grad_z);
    const real by_force = -step * grad, grad_x = Tanh::gradient(by_force, t);
    const real grad_step = fma(grad_y, fma(-step, force, z), -grad * force);
    return gradients(grad_x, times(grad_x, y), grad_step, times(by_force, y),
                     fma(by_force, alpha, fma(w, grad_x, grad_y)), grad);
}
