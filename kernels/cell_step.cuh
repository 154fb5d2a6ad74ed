// A step of a cell, called with numbers, and what the passes share. Python appends this and a pass, such as
// cell_forward.cuh, to the author's file and the functions that call it:
//
//     step(numbers)                          calls the cell with numbers.at<K>() and numbers.row<K, ROWS>()
//     place_inputs(n, kept)                  puts the saved inputs at their positions among the values of a step
//     gradient_by_hand(grads, after, n)      calls the gradient by hand
//
// followed by a kernel that calls the pass.
//
// Set by -D: INPUTS, WEIGHTS, STATES, the number of values of each kind in a step; OUTPUT, the number of outputs that are
// not states; KEPT, the number of inputs that backward reads, and UNKEPT, a bit mask of the others; BY_HAND, 1 if there is
// a gradient by hand, and AFTER, 1 if it takes states after the step. The author's file includes cell.cuh.
#pragma once
template <class T, int K, int N, class Numbers> INLINE Row<T, N> row_of(const Numbers& numbers) {
    Row<T, N> all;
    if constexpr (N > 0) {
        UNROLL (int i = 0; i < N; ++i) all[i] = T(numbers.n[K + i]);
    }
    return all;
}
// The arguments of a step: here, values only.
struct Values {
    const real* n;
    template <int K> INLINE Constant at() const { return Constant(n[K]); }
    template <int K, int N> INLINE Row<Constant, N> row() const { return row_of<Constant, K, N>(*this); }
};

// The arguments of a step: values with all derivatives.
struct Variables {
    const real* n;
    template <int K> INLINE Dual<1u << K> at() const { return variable<K>(n[K]); }
    template <int K, int N> INLINE auto row() const {
        auto all = row_of<Dual<((1u << N) - 1) << K>, K, N>(*this);
        UNROLL (int i = 0; i < N; ++i) UNROLL (int j = 0; j < N; ++j) all[i].slope[K + j] = i == j;
        return all;
    }
};

#define OUTPUTS (OUTPUT ? OUTPUT : 1)  // if there is none, it is the first state

// What a step returns, checked.
template <class S, class O> INLINE const Returned<S, O>& checked(const Returned<S, O>& after) {
    static_assert(length_of<S> == STATES, "the function of the cell does not return as many states as it takes");
    static_assert(length_of<O> == OUTPUT, "the output of the cell is not seen; write .output(y) in its function");
    return after;
}
template <int I = 0, class L> INLINE void values_of(real* to, const L& all) {
    if constexpr (length_of<L> > 0) {
        to[I] = all.first.value;
        values_of<I + 1>(to, all.rest);
    }
}

// sum + grad * the derivative of y with respect to variable K
template <int K, unsigned A> INLINE real back(real sum, real grad, const Dual<A>& y) {
    if constexpr (A >> K & 1) return fma(grad, y.slope[K], sum);
    else return sum;
}
template <int K> INLINE real back(real sum, const real*, const End&) { return sum; }
template <int K, class L> INLINE real back(real sum, const real* grads, const L& all) {
    return back<K>(back<K>(sum, *grads, all.first), grads + 1, all.rest);
}

// N pointers and one more, so that N may be 0.
template <class T, int N> using Pointers = T* const (&)[N + 1];
