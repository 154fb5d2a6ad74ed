// A leaky integrate-and-fire neuron: it charges, fires above its threshold, and is reset.
//
// Set by -D: SPIKE, a function of dual.cuh with the surrogate slope of a spike; RESET, soft or hard; FEEDBACK, stop or
// identity: whether the gradient flows through the reset.
#pragma once
#include "cell.cuh"

INLINE auto soft(const auto& charge, const auto& fired, const auto& by) { return fma(-fired, by, charge); }
INLINE auto hard(const auto& charge, const auto& fired, const auto& to) { return fma(fired, to, (1 - fired) * charge); }
