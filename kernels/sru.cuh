// The state of SRU, with and without a skip.
#pragma once
#include "gates.cuh"

INLINE auto sru_state(const auto& x, const auto& forget, const auto& v, const auto& c) {
    return mix(shares(-fma(v[0], c, forget)), c, x);
}
