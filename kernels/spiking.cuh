// A leaky integrate-and-fire neuron: it charges, fires above its threshold, and is reset.
//
// Set by -D: SPIKE, a function of dual.cuh with the slope that stands for a spike's; RESET, soft or hard; FEEDBACK, stop
// or identity: whether the gradient goes through the reset.
#pragma once
#include "cell.cuh"

INLINE auto soft(const auto& charge, const auto& fired, const auto& by) { return fma(-fired, by, charge); }
INLINE auto hard(const auto& charge, const auto& fired, const auto& to) { return fma(fired, to, (1 - fired) * charge); }
