// The linear recurrence h_t = a_t h_{t-1} + b_t, each hidden unit on its own; a_t may have any sign.
#define STEPS_AHEAD 32
#include "cell.cuh"

INLINE auto linear(Input auto a, Input auto b, State auto h) { return fma(a, h, b); }
