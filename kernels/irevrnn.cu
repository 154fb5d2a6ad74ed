// IRevRNN: IndRNN with a second state c, coupled to h by R reversible sub-steps in each step, each hidden unit on its own:
//
//     h = u h_{t-1},  c = c_{t-1};    c += a_i inner(h),  h += b_i inner(c),  i = 0 .. R - 1;
//     h_t = activation(x_t + h),  c_t = c
//
// With a = b = 0 it is bit-identical to IndRNN.
#define TOGETHER 1
#include "cell.cuh"

FUNCTION(inner, INNER::value(x), INNER::gradient(1, y))

// `gain` is what the previous sub-steps have added to h.
template <int I> INLINE auto sub_steps(auto x, auto u, const auto& a, const auto& b, auto h, auto c, auto gain) {
    if constexpr (I == REV_LEN) return states(activation(fma(u, h, x) + gain), c);
    else {
        const auto c_next = fma(a[I], inner(fma(u, h, gain)), c);
        return sub_steps<I + 1>(x, u, a, b, h, c_next, fma(b[I], inner(c_next), gain));
    }
}
INLINE auto irevrnn(Input auto x, Weight auto u, Weights<REV_LEN> auto a, Weights<REV_LEN> auto b,
                    State auto h, State auto c) {
    return sub_steps<0>(x, u, a, b, h, c, Constant(0));
}

// Repeats the sub-steps from the states before the step. Nothing is divided by u, which may be 0.
INLINE auto irevrnn_gradient(Gradient auto grad_h, Gradient auto grad_c, After auto h_t, Weight auto u,
                             Weights<REV_LEN> auto a, Weights<REV_LEN> auto b, State auto h, State auto c) {
    real inner_h[REV_LEN], inner_c[REV_LEN], gain = 0;
    UNROLL (int i = 0; i < REV_LEN; ++i) {
        inner_h[i] = INNER::value(fma(u, h, gain));
        c = fma(a[i], inner_h[i], c);
        inner_c[i] = INNER::value(c);
        gain = fma(b[i], inner_c[i], gain);
    }
    const real grad_x = ACTIVATION::gradient(grad_h, h_t);
    real grad = grad_x;
    Row<Product, REV_LEN> grad_a, grad_b;
    UNROLL (int k = 0; k < REV_LEN; ++k) {
        const int i = REV_LEN - 1 - k;
        grad_b[i] = times(grad, inner_c[i]);
        grad_c += INNER::gradient(grad * b[i], inner_c[i]);
        grad_a[i] = times(grad_c, inner_h[i]);
        grad += INNER::gradient(grad_c * a[i], inner_h[i]);
    }
    return gradients(grad_x, times(grad, h), grad_a, grad_b, u * grad, grad_c);
}
