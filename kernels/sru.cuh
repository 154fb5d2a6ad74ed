// What SRU does with and without a skip.
#pragma once
#include "gates.cuh"

INLINE auto sru_state(const auto& x, const auto& forget, const auto& v, const auto& c) {
    return mix(shares(-fma(v[0], c, forget)), c, x);
}
INLINE auto sru_reset(const auto& reset, const auto& v, const auto& c) { return fma(v[1], c, reset); }
