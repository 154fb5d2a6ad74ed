// What runs the function of a cell over sequences, forward and backward. It comes after that function: Python appends it,
// and the kernels that call it, to the author's file.
// The whole numbers from 0 to N - 1, as arguments of a template.
template <int... N> struct Places {};
template <int N, int... Rest> struct Count : Count<N - 1, N - 1, Rest...> {};
template <int... Rest> struct Count<0, Rest...> { typedef Places<Rest...> places; };
typedef Count<VARIABLES>::places AllPlaces;

template <int... N> INLINE auto value_of_step(const real* numbers, Places<N...>) { return CELL(Constant(numbers[N])...); }
template <int... N> INLINE auto slopes_of_step(const real* numbers, Places<N...>) {
    return CELL(variable<N>(numbers[N])...);
}
// sum + grad * the derivative of y by variable K
template <int K, unsigned A> INLINE real back(real sum, real grad, const Dual<A>& y) {
    if constexpr (A >> K & 1) return fma(grad, y.slope[K], sum);
    else return sum;
}
template <int K, int S, class After> INLINE real back_through_states(real sum, const real* grads, const After& after) {
    if constexpr (S == STATES) return sum;
    else return back_through_states<K, S + 1>(back<K>(sum, grads[S], state_of<S>(after)), grads, after);
}
// The gradients of all variables, from K on.
template <int K, class After> INLINE void gradients(real* to, real grad_y, const real* grads, const After& after) {
    if constexpr (K < VARIABLES) {
        to[K] = back_through_states<K, 0>(OUTPUT ? back<K>(real(0), grad_y, output_of(after)) : real(0), grads, after);
        gradients<K + 1>(to, grad_y, grads, after);
    }
}
template <int S, class After> INLINE void states_after(real* to, const After& after) {
    if constexpr (S < STATES) {
        to[S] = state_of<S>(after).value;
        states_after<S + 1>(to, after);
    }
}

// Pointers with one more, so that there may be none.
template <class T, int N> using Pointers = T* const (&)[N + 1];

// `out`: the output, if it is no state, then the states.
INLINE void cell_forward(const Tile& tile, const Sequence<const scalar*> (&in)[INPUTS], Pointers<const real, WEIGHTS> weights,
                         Pointers<const scalar, STATES> initial, const Sequence<scalar*> (&out)[OUTPUT + STATES],
                         Pointers<scalar, STATES> last, const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], s[STATES];
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0);
    UNROLL (int i = 0; i < STATES; ++i) tile.load(s[i], initial[i], tile.H);
    walk(tile, in, out, resets, [&](int lane, const real* in, real* out, bool reset) INLINED {
        real numbers[VARIABLES];
        UNROLL (int i = 0; i < INPUTS; ++i) numbers[i] = in[i];
        UNROLL (int i = 0; i < WEIGHTS; ++i) numbers[INPUTS + i] = w[i][lane];
        UNROLL (int i = 0; i < STATES; ++i) numbers[INPUTS + WEIGHTS + i] = reset ? real(0) : s[i][lane];
        const auto after = value_of_step(numbers, AllPlaces());
        static_assert(states_of<decltype(value_of_step(numbers, AllPlaces()))> == STATES,
                      "the function of the cell does not return as many states as it takes");
        if (OUTPUT) out[0] = output_of(after).value;
        states_after<0>(out + OUTPUT, after);
        UNROLL (int i = 0; i < STATES; ++i) s[i][lane] = out[OUTPUT + i];
    });
    UNROLL (int i = 0; i < STATES; ++i) tile.store(s[i], last[i], tile.H);
}

// `in`: the gradient of the output, the inputs, and the states before each step. grad_weights are (B, H): sums over time
// for each row, to be added up over the rows in a fixed order.
INLINE void cell_backward(const Tile& tile, const Sequence<const scalar*> (&in)[1 + INPUTS + STATES],
                          Pointers<const real, WEIGHTS> weights, Pointers<const scalar, STATES> grad_last,
                          const Sequence<scalar*> (&grad_in)[INPUTS], Pointers<real, WEIGHTS> grad_weights,
                          Pointers<scalar, STATES> grad_initial, const Sequence<const bool*>& resets) {
    Lanes w[WEIGHTS + 1], sums[WEIGHTS + 1], grads[STATES];
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.load(w[i], weights[i], 0), tile.fill(sums[i], 0);
    UNROLL (int i = 0; i < STATES; ++i) tile.load(grads[i], grad_last[i], tile.H);
    walk(tile, in, grad_in, resets, [&](int lane, const real* in, real* out, bool reset) INLINED {
        real numbers[VARIABLES], found[VARIABLES], grad[STATES];
        UNROLL (int i = 0; i < INPUTS; ++i) numbers[i] = in[1 + i];
        UNROLL (int i = 0; i < WEIGHTS; ++i) numbers[INPUTS + i] = w[i][lane];
        UNROLL (int i = 0; i < STATES; ++i) numbers[INPUTS + WEIGHTS + i] = reset ? real(0) : in[1 + INPUTS + i];
        UNROLL (int i = 0; i < STATES; ++i) grad[i] = grads[i][lane];
        if (!OUTPUT) grad[0] += in[0];
        gradients<0>(found, in[0], grad, slopes_of_step(numbers, AllPlaces()));
        UNROLL (int i = 0; i < INPUTS; ++i) out[i] = found[i];
        UNROLL (int i = 0; i < WEIGHTS; ++i) sums[i][lane] += found[INPUTS + i];
        UNROLL (int i = 0; i < STATES; ++i) grads[i][lane] = reset ? real(0) : found[INPUTS + WEIGHTS + i];
    });
    UNROLL (int i = 0; i < WEIGHTS; ++i) tile.store(sums[i], grad_weights[i], tile.H);
    UNROLL (int i = 0; i < STATES; ++i) tile.store(grads[i], grad_initial[i], tile.H);
}
