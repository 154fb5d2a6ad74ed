// What a norm and a dropout do inside the time loop: to an output before it is stored, and to its gradient after it is
// loaded. A mode is an argument of cell_forward or cell_backward; it has values for each unit, or for each lane.
//
//     z = (y - mean) * scale + shift
//
// Needs recurrence.cuh before it.
#pragma once

// The inputs are unchanged.
struct Unbiased {
    INLINE real input(int, int, real x) { return x; }
    INLINE void add_up(int, int, real) {}
    INLINE void finish(const Tile&) {}
};

// Forward: the output is unchanged.
struct AsItIs : Unbiased {
    INLINE void start(const Tile&) {}
    INLINE real of(int, real y, long long) { return y; }
};

// Forward: the output is measured as it is stored: for each lane the first value, and the mean and the sum of squared
// deviations of the distances from it, by Welford's algorithm, so that nothing cancels. (3, B, H)
struct Measured : Unbiased {
    real* to;
    Lanes first, mean, spread;
    INLINE Measured(real* to) : to(to) {}
    INLINE void start(const Tile& tile) { tile.fill(first, 0), tile.fill(mean, 0), tile.fill(spread, 0); }
    INLINE real of(int lane, real y, long long k) {
        const real stored = real(scalar(y)), share = 1 / real(k + 1), origin = k ? first[lane] : stored;
        const real distance = stored - origin, apart = distance - mean[lane], now = fma(apart, share, mean[lane]);
        first[lane] = origin, mean[lane] = now;
        spread[lane] = fma(apart, distance - now, spread[lane]);
        return y;
    }
    INLINE void finish(const Tile& tile) {
        const long long each = tile.B * tile.H;
        tile.store(first, to, tile.H), tile.store(mean, to + each, tile.H), tile.store(spread, to + 2 * each, tile.H);
    }
};

// Values for each unit, (H,), times those for each lane, (B, H), if there are any.
INLINE void load_product(const Tile& tile, Lanes& lanes, const real* units, const real* mask) {
    tile.load(lanes, units, 0);
    if (mask) tile.each_run([&](int lane, long long row, long long unit, int width) {
        EACH_LANE(v, width) lanes[lane + v] *= mask[row * tile.H + unit + v * THREADS];
    });
}

// Forward: the output is normalised, if its statistics are known and nothing is saved for backward.
struct Normalized : Unbiased {
    const real *mean_of, *rate_of, *bias_of, *mask_of;  // (H,) each, and (B, H) or null
    Lanes mean, scale, shift;
    INLINE Normalized(const real* mean, const real* rate, const real* bias, const real* mask)
        : mean_of(mean), rate_of(rate), bias_of(bias), mask_of(mask) {}
    INLINE void start(const Tile& tile) {
        tile.load(mean, mean_of, 0);
        load_product(tile, scale, rate_of, mask_of), load_product(tile, shift, bias_of, mask_of);
    }
    INLINE real of(int lane, real y, long long) { return fma(y - mean[lane], scale[lane], shift[lane]); }
};

// Backward: the incoming gradient is that of the output.
struct OfOutput : Unbiased {
    static constexpr bool READS_OUTPUT = false;
    INLINE void start(const Tile&) {}
    INLINE real of(int, real grad, real) { return grad; }
};

// Backward: it is that of z, whose statistics did not depend on y.
struct OfScaled : Unbiased {
    static constexpr bool READS_OUTPUT = false;
    const real *rate_of, *mask_of;  // (H,), and (B, H) or null
    Lanes scale;
    INLINE OfScaled(const real* rate, const real* mask) : rate_of(rate), mask_of(mask) {}
    INLINE void start(const Tile& tile) { load_product(tile, scale, rate_of, mask_of); }
    INLINE real of(int lane, real grad, real) { return scale[lane] * grad; }
};

// Backward: it is that of z, normalised by the statistics of y, so that the gradient of y is
// scale * grad + (y - mean) * by_output + all.
struct OfNormalized : Unbiased {
    static constexpr bool READS_OUTPUT = true;
    OfScaled scaled;
    const real *mean_of, *by_output_of, *all_of;  // (H,) each
    Lanes mean, by_output, all;
    INLINE OfNormalized(const real* rate, const real* mask, const real* mean, const real* by_output, const real* all)
        : scaled(rate, mask), mean_of(mean), by_output_of(by_output), all_of(all) {}
    INLINE void start(const Tile& tile) {
        scaled.start(tile);
        tile.load(mean, mean_of, 0), tile.load(by_output, by_output_of, 0), tile.load(all, all_of, 0);
    }
    INLINE real of(int lane, real grad, real y) {
        return fma(scaled.scale[lane], grad, fma(by_output[lane], y - mean[lane], all[lane]));
    }
};

#ifdef INPUTS
// Any of these, with a bias that is added to the inputs, (INPUTS, H); in backward, the sums over time of its gradient are
// added to those in memory, (INPUTS, B, H).
template <class Mode> struct Biased : Mode {
    const real* bias_of;
    real* sums_of;
    Lanes bias[INPUTS], sums[INPUTS];
    INLINE Biased(const Mode& mode, const real* bias, real* sums = nullptr) : Mode(mode), bias_of(bias), sums_of(sums) {}
    INLINE void start(const Tile& tile) {
        Mode::start(tile);
        UNROLL (int i = 0; i < INPUTS; ++i) tile.load(bias[i], bias_of + i * tile.H, 0);
        if (sums_of) UNROLL (int i = 0; i < INPUTS; ++i) tile.load(sums[i], sums_of + i * tile.B * tile.H, tile.H);
    }
    INLINE real input(int i, int lane, real x) { return x + bias[i][lane]; }
    INLINE void add_up(int i, int lane, real grad) { sums[i][lane] += grad; }
    INLINE void finish(const Tile& tile) {
        Mode::finish(tile);
        if (sums_of) UNROLL (int i = 0; i < INPUTS; ++i) tile.store(sums[i], sums_of + i * tile.B * tile.H, tile.H);
    }
};
#endif
