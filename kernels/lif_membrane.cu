// LIF with two outputs: its spikes, and its charge before each. See spiking.cuh.
#include "spiking.cuh"

INLINE auto lif_membrane(Input auto x, Weight auto decay, Weight auto gain, Weight auto threshold, Weight auto reset,
                         Weight auto steepness, State auto v) {
    const auto all = integrate_and_fire(x, decay, gain, threshold, reset, steepness, v);
    return states(at<2>(all)).output(at<1>(all), at<0>(all));
}
