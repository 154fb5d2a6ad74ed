// The inner coupling of IRevRNN: R reversible sub-steps on (h, c), from h = u * h_{t-1} and c = c_{t-1}.
//
//     c += a_i * phi(h);   h += b_i * phi(c)        i = 0 .. R - 1
//
// Set by -D: REV_LEN, R, at least 1; INNER, phi, one of activation.cuh.
#pragma once
#define STEPS_AHEAD 8
#include "recurrence.cuh"

// One number for each sub-step and lane.
struct SubSteps {
    Lanes at[REV_LEN];
    INLINE Lanes& operator[](int i) { return at[i]; }
    // (R, H), one number per hidden unit.
    INLINE void load(const Tile& tile, const real* from) {
        UNROLL (int i = 0; i < REV_LEN; ++i) tile.load(at[i], from + i * tile.H, 0);
    }
    // (R, B, H), sums over time: taken up, and laid down.
    INLINE void resume(const Tile& tile, const real* from) {
        UNROLL (int i = 0; i < REV_LEN; ++i) tile.load(at[i], from + i * tile.B * tile.H, tile.H);
    }
    INLINE void store(const Tile& tile, real* to) {
        UNROLL (int i = 0; i < REV_LEN; ++i) tile.store(at[i], to + i * tile.B * tile.H, tile.H);
    }
};

// What a sub-step saw: phi(h) before it changed c, phi(c) before it changed h.
struct Seen {
    real phi_h[REV_LEN], phi_c[REV_LEN];
};

// Runs all sub-steps: changes c, and gives what h has gained. Where b = 0 it gains nothing, to the bit.
INLINE real couple(int lane, SubSteps& a, SubSteps& b, real u, real before, real& c, Seen& seen) {
    real gain = 0;
    UNROLL (int i = 0; i < REV_LEN; ++i) {
        seen.phi_h[i] = INNER::value(fma(u, before, gain));
        c = fma(a[i][lane], seen.phi_h[i], c);
        seen.phi_c[i] = INNER::value(c);
        gain = fma(b[i][lane], seen.phi_c[i], gain);
    }
    return gain;
}

// The gradient before all sub-steps from that after them, of h and of c; adds up the gradients of a and b.
INLINE void uncouple(int lane, SubSteps& a, SubSteps& b, const Seen& seen, real& grad, real& grad_c,
                     SubSteps& grad_a, SubSteps& grad_b) {
    UNROLL (int k = 0; k < REV_LEN; ++k) {
        const int i = REV_LEN - 1 - k;
        grad_b[i][lane] = fma(grad, seen.phi_c[i], grad_b[i][lane]);
        grad_c += INNER::gradient(grad * b[i][lane], seen.phi_c[i]);
        grad_a[i][lane] = fma(grad_c, seen.phi_h[i], grad_a[i][lane]);
        grad += INNER::gradient(grad_c * a[i][lane], seen.phi_h[i]);
    }
}
