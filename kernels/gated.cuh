// A recurrence whose step is linear in the state, h_t = keep_t h_{t-1} + ..., each hidden unit on its own. A file has a
//
//     struct Cell {
//         INLINE Cell(const real* in);                                       from the numbers of one step
//         INLINE real next(real h) const;                                    h_t
//         INLINE real keep() const;                                          the derivative of h_t after h_{t-1}
//         INLINE void gradients(real grad, real before, real* out) const;    after each number of `in`
//     };
//
// and its kernels are the functions below. Nothing but y and the inputs is kept: backward makes the cell again.
#pragma once
#include "recurrence.cuh"

// Half of c - h, which cannot overflow.
INLINE real half_apart(real c, real h) { return fma(real(0.5), c, real(-0.5) * h); }

// keep * h + take * c, where keep + take = 1: from the nearer of the two, h if it is `kept`, so that the smaller share
// keeps its accuracy.
INLINE real mix(bool kept, real smaller, real h, real c) {
    const real twice = (kept ? real(2) : real(-2)) * smaller, y = fma(twice, half_apart(c, h), kept ? h : c);
    return y == y ? y : fma(smaller, real(0), h + c);  // of infinities; NaN comes through
}

template <class Cell, int I>
INLINE void gated_forward(Tile& tile, const Sequence<const scalar*> (&in)[I], const Sequence<scalar*>& y,
                          const Sequence<const bool*>& resets, const state* h0, scalar* h_n) {
    Lanes h;
    tile.start(h, h0);
    walk(tile, in, {y}, resets, [&](int i, const real* in, real* out, bool reset) INLINED {
        out[0] = h[i] = Cell(in).next(reset ? real(0) : h[i]);
    });
    tile.finish(h, h_n);
}

// `in`: grad_y, the states before each step, then the inputs. `out`: the gradients of the inputs.
template <class Cell, int I, int O>
INLINE void gated_backward(Tile& tile, const Sequence<const scalar*> (&in)[I], const Sequence<scalar*> (&out)[O],
                           const Sequence<const bool*>& resets, const state* grad_h_n, scalar* grad_h0) {
    Lanes grad_h;
    tile.start(grad_h, grad_h_n);
    walk(tile, in, out, resets, [&](int i, const real* in, real* out, bool reset) INLINED {
        const Cell cell(in + 2);
        const real grad = in[0] + grad_h[i];
        cell.gradients(grad, reset ? real(0) : in[1], out);
        grad_h[i] = reset ? real(0) : cell.keep() * grad;
    });
    tile.finish(grad_h, grad_h0);
}

// What a chunk of time makes of the state that comes into it, h -> q * h + r; see chunks.cu.
INLINE void store_summary(const Tile& tile, Lanes& q, Lanes& r, real* summary) {
    tile.store_part(q, summary);
    tile.store_part(r, summary + gridDim.z * tile.B * tile.H);
}

template <class Cell, int I>
INLINE void gated_forward_summary(const Tile& tile, const Sequence<const scalar*> (&in)[I],
                                  const Sequence<const bool*>& resets, real* summary) {
    Lanes q, r;
    tile.fill(q, 1);
    tile.fill(r, 0);
    walk(tile, in, resets, [&](int i, const real* in, bool reset) INLINED {
        const Cell cell(in);
        q[i] = reset ? real(0) : cell.keep() * q[i];
        r[i] = cell.next(reset ? real(0) : r[i]);
    });
    store_summary(tile, q, r, summary);
}

// `in`: grad_y, then the inputs.
template <class Cell, int I>
INLINE void gated_backward_summary(const Tile& tile, const Sequence<const scalar*> (&in)[I],
                                   const Sequence<const bool*>& resets, real* summary) {
    Lanes q, r;
    tile.fill(q, 1);
    tile.fill(r, 0);
    walk(tile, in, resets, [&](int i, const real* in, bool reset) INLINED {
        const real keep = reset ? real(0) : Cell(in + 1).keep();
        q[i] = keep * q[i];
        r[i] = keep * (in[0] + r[i]);
    });
    store_summary(tile, q, r, summary);
}
