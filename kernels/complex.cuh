// A complex state as two real ones.
#pragma once
#include "cell.cuh"

// (a + b i) (h + k i) + re + im i.
INLINE auto turned(const auto& a, const auto& b, const auto& h, const auto& k, const auto& re, const auto& im) {
    return list(fma(a, h, fma(-b, k, re)), fma(a, k, fma(b, h, im)));
}
