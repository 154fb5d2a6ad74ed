// LIF with two outputs: its spikes, and its charge before them. See spiking.cuh.
#include "spiking.cuh"

INLINE auto lif_membrane(Input auto x, Weight auto decay, Weight auto gain, Weight auto threshold, Weight auto reset,
                         Weight auto steepness, State auto v) {
    const auto charge = fma(decay, v, gain * x);
    const auto fired = SPIKE(steepness * (charge - threshold));
    return states(RESET(charge, FEEDBACK(fired), reset)).output(fired, charge);
}
