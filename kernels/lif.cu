// LIF, a leaky integrate-and-fire neuron; the output is its spikes. See spiking.cuh.
#include "spiking.cuh"

INLINE auto lif(Input auto x, Weight auto decay, Weight auto gain, Weight auto threshold, Weight auto reset,
                Weight auto steepness, State auto v) {
    const auto charge = fma(decay, v, gain * x);
    const auto fired = SPIKE(steepness * (charge - threshold));
    return states(RESET(charge, FEEDBACK(fired), reset)).output(fired);
}
