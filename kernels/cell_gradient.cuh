// The gradients of the values in a step, derived or by hand.
#pragma once
#include "cell_step.cuh"

template <int K> constexpr bool is_weight = K >= INPUTS && K < INPUTS + WEIGHTS;

template <int K, class R> INLINE void derived_gradients(real* found, const real* grads, const R& after) {
    if constexpr (K < VARIABLES) {
        const real sum = is_weight<K> ? found[K] : real(0);
        found[K] = back<K>(back<K>(sum, grads, after.out), grads + OUTPUT, after.states);
        derived_gradients<K + 1>(found, grads, after);
    }
}
INLINE real added(real sum, real a) { return sum + a; }
INLINE real added(real sum, const Product& p) { return fma(p.a, p.b, sum); }
INLINE real value_of(real a) { return a; }
INLINE real value_of(const Product& p) { return p.a * p.b; }
template <int K, class T> INLINE void place(real* found, const T& grad) {
    found[K] = is_weight<K> ? added(found[K], grad) : value_of(grad);
}
template <int K, class T, int N> INLINE void place(real* found, const Row<T, N>& grads) {
    UNROLL (int i = 0; i < N; ++i) found[K + i] = added(found[K + i], grads[i]);
}
template <class T> constexpr int rows_of = 1;
template <class T, int N> constexpr int rows_of<Row<T, N>> = N;
template <int K, class L> INLINE void place_gradients(real* found, const L& grads) {
    static_assert(K < VARIABLES == !(length_of<L> == 0), "the gradient by hand does not return one for each parameter");
    if constexpr (K < VARIABLES && length_of<L> > 0) {
        place<K>(found, grads.first);
        place_gradients<K + rows_of<decltype(grads.first)>>(found, grads.rest);
    }
}
// The gradients of the values `n` in a step from those of its outputs that are not states, and of its states; those of
// weights are added to `found`.
INLINE void find_gradients(real* found, const real* grads, const real* after, const real* n) {
#if BY_HAND
    place_gradients<0>(found, gradient_by_hand(grads, after, n));
#else
    derived_gradients<0>(found, grads, checked(step(Variables{n})));
#endif
}
