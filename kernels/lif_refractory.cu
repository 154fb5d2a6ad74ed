// LIF that rests for some steps after a spike: its potential does not change. The outputs are its spikes and its charge.
// See spiking.cuh.
#include "spiking.cuh"

INLINE auto lif_refractory(Input auto x, Weight auto decay, Weight auto gain, Weight auto threshold, Weight auto reset,
                           Weight auto steepness, Weight auto period, State auto v, State auto rest) {
    const auto charge = fma(decay, v, gain * x);
    const auto would_fire = SPIKE(steepness * (charge - threshold));
    const bool rests = rest > 0;
    const auto fired = where(rests, Constant(0), would_fire);
    const auto left = where(rests, rest - 1, would_fire * period);
    return states(where(rests, v, RESET(charge, FEEDBACK(would_fire), reset)), stop(left))
        .output(fired, where(rests, v, charge));
}
