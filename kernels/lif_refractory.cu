// LIF that rests for some steps after a spike: its potential stays as it is. The outputs are its spikes, and its charge.
// See spiking.cuh.
#include "spiking.cuh"

INLINE auto lif_refractory(Input auto x, Weight auto decay, Weight auto gain, Weight auto threshold, Weight auto reset,
                           Weight auto steepness, Weight auto period, State auto v, State auto rest) {
    const auto all = integrate_and_fire(x, decay, gain, threshold, reset, steepness, v);
    const bool rests = rest > 0;
    const auto fired = where(rests, Constant(0), at<1>(all));
    const auto left = where(rests, rest - 1, stop(fired) * stop(period));
    return states(where(rests, v, at<2>(all)), stop(left)).output(fired, where(rests, v, at<0>(all)));
}
