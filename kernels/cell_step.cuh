// A step of a cell, called with numbers, and what the passes share. Python puts this and a pass, as cell_forward.cuh, behind
// the author's file and what calls the functions of that:
//
//     step(numbers)                          calls the cell with numbers.at<K>() and numbers.row<K, ROWS>()
//     place_inputs(n, kept)                  the inputs that are kept, in their places among the numbers of a step
//     gradient_by_hand(grads, after, n)      calls the gradient by hand
//
// and then a kernel that calls the pass.
//
// Set by -D: INPUTS, WEIGHTS, STATES, how many numbers of each kind a step has; OUTPUT, how many outputs are no states; KEPT,
// how many inputs backward reads, and UNKEPT, the bits of the others; BY_HAND, 1 if there is a gradient by hand, and AFTER,
// 1 if that takes states after the step. cell.cuh comes with the author's file.
#pragma once
template <class T, int K, int N, class Numbers> INLINE Row<T, N> row_of(const Numbers& numbers) {
    Row<T, N> all;
    if constexpr (N > 0) {
        UNROLL (int i = 0; i < N; ++i) all[i] = T(numbers.n[K + i]);
    }
    return all;
}
// What a step is called with: here its numbers alone.
struct Values {
    const real* n;
    template <int K> INLINE Constant at() const { return Constant(n[K]); }
    template <int K, int N> INLINE Row<Constant, N> row() const { return row_of<Constant, K, N>(*this); }
};

// Numbers with all derivatives.
struct Variables {
    const real* n;
    template <int K> INLINE Dual<1u << K> at() const { return variable<K>(n[K]); }
    template <int K, int N> INLINE auto row() const {
        auto all = row_of<Dual<((1u << N) - 1) << K>, K, N>(*this);
        UNROLL (int i = 0; i < N; ++i) UNROLL (int j = 0; j < N; ++j) all[i].slope[K + j] = i == j;
        return all;
    }
};

#define OUTPUTS (OUTPUT ? OUTPUT : 1)  // without one of its own, it is the first state

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

// sum + grad * the derivative of y by variable K
template <int K, unsigned A> INLINE real back(real sum, real grad, const Dual<A>& y) {
    if constexpr (A >> K & 1) return fma(grad, y.slope[K], sum);
    else return sum;
}
template <int K> INLINE real back(real sum, const real*, const End&) { return sum; }
template <int K, class L> INLINE real back(real sum, const real* grads, const L& all) {
    return back<K>(back<K>(sum, *grads, all.first), grads + 1, all.rest);
}

// Pointers with one more, so that there may be none.
template <class T, int N> using Pointers = T* const (&)[N + 1];
