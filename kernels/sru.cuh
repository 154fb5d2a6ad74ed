// What SRU does with and without a skip: its state after a step, and the output.
#pragma once
#include "gates.cuh"

INLINE auto sru_step(const auto& x, const auto& forget, const auto& reset, const auto& skip, const auto& v, const auto& c) {
    const auto c_next = mix(shares(-fma(v[0], c, forget)), c, x);
    const auto r = sigmoid(fma(v[1], c, reset));
    return list(c_next, fma(r, activation(c_next) - skip, skip));
}
