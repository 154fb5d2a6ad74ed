// EGRU, the event-based GRU (Subramoney et al. 2023, arXiv 2206.06178): other units see a unit only at steps where its
// cell is above its threshold. The columns of R, (H, 3 H), and those of x and q are in the order z, r, g.
//
//     q = y_{t-1} R + b
//     z = sigmoid(x_z + q_z),   r = sigmoid(x_r + q_r),   g = tanh(x_g + r q_g)
//     v = z h_{t-1} + (1 - z) g             the cell; zoneout may keep h_{t-1}
//     o = v > threshold,   y = o v          the event
//     h = v - o threshold                   the cell after the event, as RESET says
//     trace = 0.9 trace + 0.1 y
//
// A block processes a row of the batch, for all its steps, and reads only the rows of R of active units. In the form
// "dense", with one launch per step, `recurrent` is null: `products` is then q of the row, and backward leaves its product
// with R to the caller.
//
// Set by -D: RESET, what an event subtracts from the cell; ZONEOUT, 1 to keep cells at random, 2 for the expected cell.
#include "events.cuh"

enum ResetMode { SUBTRACT_THRESHOLD, SUBTRACT_OUTPUT, NONE };
#define DECAY real(0.9)  // of the trace

// Whether zoneout keeps a unit's cell: SplitMix64 (Steele et al. 2014) of the seed of the step, at the position of the unit.
INLINE bool kept(long long seed, long long place, real zoneout) {
    unsigned long long bits = (unsigned long long)seed + 0x9e3779b97f4a7c15 * (place + 1);
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return real((bits ^ bits >> 31) >> 40) * real(0x1p-24) < zoneout;
}

// What an event subtracts from the cell.
INLINE real taken(real v, real threshold) {
    return RESET == SUBTRACT_THRESHOLD ? threshold : RESET == SUBTRACT_OUTPUT ? v : real(0);
}

// The slope that backward uses for the step function at the threshold: dampening * max(0, 1 - support * |v - threshold|).
struct Slope {
    real dampening, support;
    INLINE real at(real distance) const {
        const real height = 1 - support * fabs(distance);
        return height <= 0 ? real(0) : dampening * height;
    }
};

// A step of a row, in any sequence.
struct At {
    long long t, row;
    template <class P> INLINE P* operator()(P* start, long long stride_t, long long stride_b) const {
        return start + t * stride_t + row * stride_b;
    }
};

extern "C" __global__ void egru_forward(
    const scalar* __restrict__ x, const real* __restrict__ recurrent, const real* __restrict__ recurrent_bias,
    const real* __restrict__ threshold, const real* __restrict__ zoneout, const long long* __restrict__ seeds,
    real* __restrict__ products, real* __restrict__ event, real* __restrict__ cell, real* __restrict__ trace,
    scalar* __restrict__ y, scalar* __restrict__ cells, scalar* __restrict__ events, scalar* __restrict__ traces,
    scalar* __restrict__ gates,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long y_t, long long y_b, long long x_t, long long x_b, long long cells_t, long long cells_b,
    long long events_t, long long events_b, long long traces_t, long long traces_b,
    long long gates_t, long long gates_b)
{
    const Tile tile(T, B, H, lengths, reverse, chunk);
    const long long row = blockIdx.x, length = tile.length(row);
    const int units = int(H);
    event += row * H, cell += row * H, trace += row * H, products += row * 3 * H;
    __shared__ List active;
    for (long long k = 0; k < length; ++k) {
        const long long t = tile.reverse ? length - 1 - k : k, seed = ZONEOUT == 1 ? seeds[t] : 0;
        if (RESETS && resets[t * resets_t + row * resets_b]) {
            EACH_UNIT(i, units) event[i] = cell[i] = trace[i] = 0;
            __syncthreads();
        }
        if (recurrent) {
            EACH_UNIT(j, 3 * units) products[j] = recurrent_bias[j];
            for (int first = 0; first < units; first += LISTED) {
                const int count = find(active, first, units, [&](int i) INLINED { return event[i] != 0; });
                add_rows(active, count, event, recurrent, 3 * units, products);
                __syncthreads();
            }
        }
        const At now{t, row};
        const scalar* const from = now(x, x_t, x_b);
        scalar *const to_y = now(y, y_t, y_b), *const to_cell = now(cells, cells_t, cells_b);
        scalar *const to_event = now(events, events_t, events_b), *const to_trace = now(traces, traces_t, traces_b);
        scalar* const gate = now(gates, gates_t, gates_b);
        EACH_UNIT(i, units) {
            const real z = Sigmoid::value(from[i] + products[i]);
            const real r = Sigmoid::value(from[units + i] + products[units + i]);
            const real q = products[2 * units + i], g = Tanh::value(fma(r, q, from[2 * units + i])), before = cell[i];
            real v = fma(z, before - g, g);
            if (ZONEOUT == 1) v = kept(seed, row * H + i, *zoneout) ? before : v;
            if (ZONEOUT == 2) v = fma(*zoneout, before - v, v);
            const bool sent = v > threshold[i];
            const real silent = 0 * (v - threshold[i]);  // NaN stays NaN
            to_y[i] = event[i] = sent ? v : silent;
            to_cell[i] = cell[i] = sent ? v - taken(v, threshold[i]) : v + silent;
            to_event[i] = sent ? real(1) : real(0);
            to_trace[i] = trace[i] = fma(DECAY, trace[i], (1 - DECAY) * event[i]);
            if (gates) gate[i] = z, gate[units + i] = r, gate[2 * units + i] = g, gate[3 * units + i] = q;
        }
        __syncthreads();
    }
    for (long long t = length; t < T; ++t) EACH_UNIT(i, units) {
        y[t * y_t + row * y_b + i] = cells[t * cells_t + row * cells_b + i] = real(0);
        events[t * events_t + row * events_b + i] = traces[t * traces_t + row * traces_b + i] = real(0);
        if (gates) UNROLL (int g = 0; g < 4; ++g) gates[t * gates_t + row * gates_b + g * H + i] = real(0);
    }
}

extern "C" __global__ void egru_backward(
    const scalar* __restrict__ grad_y, const scalar* __restrict__ grad_cells, const scalar* __restrict__ grad_events,
    const scalar* __restrict__ grad_traces, const scalar* __restrict__ y, const scalar* __restrict__ cells,
    const scalar* __restrict__ gates, const real* __restrict__ recurrent, const real* __restrict__ threshold,
    const real* __restrict__ zoneout, const long long* __restrict__ seeds, const real* __restrict__ dampening,
    const real* __restrict__ support, const scalar* __restrict__ event0, const scalar* __restrict__ cell0,
    scalar* __restrict__ grad_x, real* __restrict__ grad_products, real* __restrict__ grad_event,
    real* __restrict__ grad_cell, real* __restrict__ grad_trace, real* __restrict__ grad_threshold,
    const long long* __restrict__ lengths, const bool* __restrict__ resets,
    long long T, long long B, long long H, long long reverse, long long chunk, long long resets_t, long long resets_b,
    long long grad_y_t, long long grad_y_b, long long grad_cells_t, long long grad_cells_b,
    long long grad_events_t, long long grad_events_b, long long grad_traces_t, long long grad_traces_b,
    long long y_t, long long y_b, long long cells_t, long long cells_b, long long gates_t, long long gates_b,
    long long grad_x_t, long long grad_x_b, long long grad_products_t, long long grad_products_b)
{
    const Tile tile(T, B, H, lengths, reverse, chunk);
    const Slope slope{*dampening, *support};
    const long long row = blockIdx.x, length = tile.length(row);
    const int units = int(H);
    grad_event += row * H, grad_cell += row * H, grad_trace += row * H, grad_threshold += row * H;
    __shared__ List needed;
    __shared__ Parts parts;
    for (long long k = 0; k < length; ++k) {
        const long long t = tile.reverse ? k : length - 1 - k, seed = ZONEOUT == 1 ? seeds[t] : 0;
        const bool first_step = k == length - 1, reset = RESETS && resets[t * resets_t + row * resets_b];
        const long long earlier = tile.reverse ? t + 1 : t - 1;
        const scalar* const y_before = first_step ? event0 + row * H : y + earlier * y_t + row * y_b;
        const scalar* const cell_before = first_step ? cell0 + row * H : cells + earlier * cells_t + row * cells_b;
        const At now{t, row};
        const scalar *const y_now = now(y, y_t, y_b), *const cell_now = now(cells, cells_t, cells_b);
        const scalar *const gate = now(gates, gates_t, gates_b), *const from_y = now(grad_y, grad_y_t, grad_y_b);
        const scalar* const from_cell = now(grad_cells, grad_cells_t, grad_cells_b);
        const scalar* const from_event = now(grad_events, grad_events_t, grad_events_b);
        const scalar* const from_trace = now(grad_traces, grad_traces_t, grad_traces_b);
        scalar* const to_x = now(grad_x, grad_x_t, grad_x_b);
        real* const to_products = now(grad_products, grad_products_t, grad_products_b);
        EACH_UNIT(i, units) {
            const real z = gate[i], r = gate[units + i], g = gate[2 * units + i], q = gate[3 * units + i];
            const real event = y_now[i], before = reset ? real(0) : real(cell_before[i]);
            const bool sent = event != 0;  // an event is above its threshold, which is at least 0
            const real v = sent ? event : real(cell_now[i]), distance = v - threshold[i];
            const real of_trace = from_trace[i] + grad_trace[i], of_cell = from_cell[i] + grad_cell[i];
            const real of_y = from_y[i] + grad_event[i] + (1 - DECAY) * of_trace;
            const real of_event = from_event[i] + v * of_y - taken(v, threshold[i]) * of_cell;
            const real by_step = slope.at(distance) * of_event;
            grad_threshold[i] -= by_step + (RESET == SUBTRACT_THRESHOLD && sent ? of_cell : real(0));
            real of_v = (sent ? of_y : real(0)) + by_step + (RESET == SUBTRACT_OUTPUT && sent ? real(0) : of_cell);
            real share = ZONEOUT ? *zoneout : real(0);
            if (ZONEOUT == 1) share = kept(seed, row * H + i, share) ? real(1) : real(0);
            const real of_before = share * of_v;
            of_v -= of_before;
            const real of_g = Tanh::gradient((1 - z) * of_v, g), of_r = Sigmoid::gradient(of_g * q, r);
            const real of_z = Sigmoid::gradient((before - g) * of_v, z);
            to_x[i] = to_products[i] = of_z;
            to_x[units + i] = to_products[units + i] = of_r;
            to_x[2 * units + i] = of_g, to_products[2 * units + i] = of_g * r;
            grad_cell[i] = reset ? real(0) : fma(z, of_v, of_before);
            grad_trace[i] = reset ? real(0) : DECAY * of_trace;
            grad_event[i] = 0;
        }
        if (!recurrent || reset) continue;  // no barrier: find has one before a thread reads what another wrote above
        for (int first = 0; first < units; first += LISTED) {
            const int count = find(needed, first, units, [&](int i) INLINED {
                const real sent = y_before[i];
                // the initial event does not come from a step: its gradient is complete
                return first_step || sent != 0 || slope.at(real(cell_before[i]) - threshold[i]) != 0;
            });
            dot_rows(needed, count, to_products, recurrent, 3 * units, parts, grad_event);
            __syncthreads();
        }
    }
    for (long long t = length; t < T; ++t) EACH_UNIT(j, 3 * units) {
        grad_x[t * grad_x_t + row * grad_x_b + j] = real(0);
        grad_products[t * grad_products_t + row * grad_products_b + j] = 0;
    }
}
