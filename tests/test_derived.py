"""Recurrences of one's own: a C++ function of a step, and all that follows, against loops in plain PyTorch."""

import copy
import pickle

import pytest
import torch
from closeness import assert_close
from torch.autograd import gradcheck
from torch.nn.functional import softplus

import indrnn_cupy
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.own import by_hand_error
from indrnn_cupy.check.programs import Program, compile_program
from indrnn_cupy.check.recurrences import FIRST
from indrnn_cupy.functional.checks import flat
from indrnn_cupy.ops import gpu
from indrnn_cupy.ops.cell_kernels import kernels
from indrnn_cupy.ops.cells import cell_of

HEAD = '#include "cell.cuh"\n'
SOURCES = {
    "leaky": """INLINE auto leaky(Input auto x, Weight auto u, Weight auto rate, State auto h) {
        return fma(rate, tanh(fma(u, h, x)) - h, h);
    }""",
    "sru": """INLINE auto sru(Input auto x, Input auto forget, Input auto take, Input auto skip,
                    Weight auto v, Weight auto w,
                    State auto h, State auto c) {
        const auto f = sigmoid(fma(v, c, forget));
        const auto r = sigmoid(fma(w, c, take));
        const auto next = fma(f, c - x, x);
        return states(fma(r, next - skip, skip), next);
    }""",
    "lstm": """INLINE auto lstm(Input auto input, Input auto forget, Input auto candidate, Input auto out,
                     Weight auto u_i, Weight auto u_f, Weight auto u_g, Weight auto u_o,
                     Weight auto p_i, Weight auto p_f, Weight auto p_o, State auto h, State auto c) {
        const auto i = sigmoid(fma(p_i, c, fma(u_i, h, input)));
        const auto f = sigmoid(fma(p_f, c, fma(u_f, h, forget)));
        const auto next = fma(f, c, i * tanh(fma(u_g, h, candidate)));
        const auto o = sigmoid(fma(p_o, next, fma(u_o, h, out)));
        return states(o * tanh(next), next);
    }""",
    "rglru": """INLINE auto rglru(Input auto x, Input auto gate, Input auto take, Weight auto rate, State auto h) {
        const auto log_keep = -8 * softplus(rate) * sigmoid(gate);
        return fma(exp(log_keep), h, sqrt(-expm1(2 * log_keep)) * (sigmoid(take) * x));
    }""",
    "lif": """INLINE auto lif(Input auto x, Weight auto decay, State auto v) {
        const auto charge = fma(decay, v, x);
        const auto fired = spike(charge - 1);
        return states(charge - fired).output(fired);
    }""",
    "clipped": """INLINE auto clipped(Input auto x, Input auto y, State auto h) {
        const auto sum = where(x > y, x * h, y / (2 + square(h)));
        return fmin(fmax(log1p(fabs(sum)) - stop(h), -1), 1.5) + h * 0.5;
    }""",
}


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (1 - x.abs()).relu()


def leaky(x, u, rate, h):
    h = h + rate * (torch.tanh(x + u * h) - h)
    return h, (h,)


def sru(x, forget, take, skip, v, w, h, c):
    f, r = torch.sigmoid(forget + v * c), torch.sigmoid(take + w * c)
    c = f * c + (1 - f) * x
    h = r * c + (1 - r) * skip
    return h, (h, c)


def lstm(i, f, g, o, u_i, u_f, u_g, u_o, p_i, p_f, p_o, h, c):
    i, f = torch.sigmoid(i + u_i * h + p_i * c), torch.sigmoid(f + u_f * h + p_f * c)
    c = f * c + i * torch.tanh(g + u_g * h)
    h = torch.sigmoid(o + u_o * h + p_o * c) * torch.tanh(c)
    return h, (h, c)


def rglru(x, gate, take, rate, h):
    log_keep = -8 * softplus(rate) * torch.sigmoid(gate)
    h = torch.exp(log_keep) * h + torch.sqrt(-torch.expm1(2 * log_keep)) * torch.sigmoid(take) * x
    return h, (h,)


def lif(x, decay, v):
    charge = decay * v + x
    fired = Spike.apply(charge - 1)
    return fired, (charge - fired,)


def clipped(x, y, h):
    total = torch.where(x > y, x * h, y / (2 + h * h))
    h = torch.clamp(torch.log1p(total.abs()) - h.detach(), -1, 1.5) + h * 0.5
    return h, (h,)


EVERY = pytest.mark.parametrize("name", SOURCES)


def made(name):
    return indrnn_cupy.recurrence(source=HEAD + SOURCES[name])


def loop(name, tensors, initial, lengths=None, resets=None, reverse=False):
    """The same in PyTorch, step by step; 16-bit input is worked on in float32."""
    cell, dtype = made(name).cell, tensors[0].dtype
    wide = torch.promote_types(dtype, torch.float32)
    x, weights = tensors[: len(cell.inputs)], [w.to(wide) for w in tensors[len(cell.inputs) :]]
    states, ys = [s.to(wide) for s in initial], [None] * len(x[0])
    for t in reversed(range(len(ys))) if reverse else range(len(ys)):
        before = states if resets is None else [s.masked_fill(resets[t][:, None], 0) for s in states]
        y, new = globals()[name](*(part[t].to(wide) for part in x), *weights, *before)
        valid = torch.ones(len(y), 1, dtype=bool) if lengths is None else (t < lengths)[:, None]
        ys[t] = torch.where(valid, y, 0)
        states = [torch.where(valid, n, s) for n, s in zip(new, states, strict=True)]
    return torch.stack(ys).to(dtype), *(s.to(dtype) for s in states)


def inputs(name, T, B, H, dtype):
    cell = made(name).cell
    tensors = [torch.randn(T, B, H, dtype=dtype) for _ in cell.inputs] + [
        torch.rand(H, dtype=dtype) for _ in cell.weights
    ]
    return tensors, [torch.randn(B, H, dtype=dtype) for _ in cell.states]


def with_gradients(function, tensors, initial):
    leaves = [t.detach().requires_grad_() for t in (*tensors, *initial)]
    outputs = list(flat(function(leaves[: len(tensors)], leaves[len(tensors) :])))
    weights = [torch.linspace(-1, 1, o.numel(), dtype=o.dtype).view(o.shape) for o in outputs]
    return [*outputs, *torch.autograd.grad(outputs, leaves, weights, materialize_grads=True, allow_unused=True)]


def call(name, **options):
    function = made(name)
    names = [f"{state}0" for state in function.cell.states]
    return lambda tensors, initial: function(*tensors, **dict(zip(names, initial, strict=True)), **options)


def some_steps(T, B):
    return {"lengths": torch.arange(B) % (T + 1), "resets": torch.rand(T, B) < 0.3, "reverse": True}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("some", [False, True], ids=["whole", "some"])
@EVERY
def test_values_and_gradients_are_those_of_a_loop(name, some, dtype):
    if name in ("lif", "clipped") and dtype.itemsize == 2:
        pytest.skip("rounding decides about a spike or a bound")
    T, B, H = 9, 5, 70
    tensors, initial = inputs(name, T, B, H, dtype)
    options = some_steps(T, B) if some else {}
    actual = with_gradients(call(name, **options), tensors, initial)
    assert_close(actual, with_gradients(lambda t, s: loop(name, t, s, **options), tensors, initial))


@EVERY
def test_batch_first_and_inputs_side_by_side(name):
    tensors, initial = inputs(name, 6, 3, 5, torch.float64)
    cell, expected = made(name).cell, with_gradients(call(name), tensors, initial)
    n = len(cell.inputs)
    first = [t.transpose(0, 1).contiguous() if t.dim() == 3 else t for t in tensors]

    def transposed(tensors, initial):
        y, last = call(name, batch_first=True)(tensors, initial)
        return y.transpose(0, 1), last

    for a, e in zip(with_gradients(transposed, first, initial), expected, strict=True):
        torch.testing.assert_close(a.transpose(0, 1) if a.shape[:2] == (3, 6) else a, e, rtol=0, atol=1e-14)
    joined = with_gradients(call(name), [torch.cat(tensors[:n], -1), *tensors[n:]], initial)
    outputs = 1 + len(cell.states)
    torch.testing.assert_close(joined[:outputs], expected[:outputs], rtol=0, atol=0)
    torch.testing.assert_close(joined[outputs], torch.cat(expected[outputs : outputs + n], -1), rtol=0, atol=0)


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ("lif", "clipped")])
def test_gradcheck(name):
    tensors, initial = inputs(name, 4, 3, 2, torch.float64)
    leaves = [t.requires_grad_() for t in (*tensors, *initial)]
    function = call(name, **some_steps(4, 3))
    assert gradcheck(lambda *a: tuple(flat(function(a[: len(tensors)], a[len(tensors) :]))), leaves)


@pytest.mark.parametrize("shape", [(0, 3, 4), (5, 0, 4), (5, 3, 1)], ids=str)
@EVERY
def test_empty_and_narrow_sequences(name, shape):
    tensors, initial = inputs(name, *shape, torch.float64)
    y, *last = flat(call(name)(tensors, initial))
    assert y.shape == shape and all(s.shape == shape[1:] for s in last)
    if shape[0] == 0:
        assert all(torch.equal(a, b) for a, b in zip(last, initial, strict=True))


@EVERY
def test_one_graph_for_all_sizes(name):
    torch._dynamo.reset()
    compiled = torch.compile(call(name), fullgraph=True, dynamic=True, backend="eager")
    for T, B in ((4, 3), (7, 2)):
        tensors, initial = inputs(name, T, B, 5, torch.float64)
        assert_close(list(flat(compiled(tensors, initial))), list(flat(call(name)(tensors, initial))))


@EVERY
def test_the_gpu_build(name):
    """The bits of the CPU from interpreted PTX; no spilled registers, and loads under way."""
    tensors, initial = inputs(name, 20, 2, 33, torch.float32)
    options = some_steps(20, 2)
    expected = with_gradients(call(name, **options), tensors, initial)
    with interpreted():
        actual = with_gradients(call(name, **options), tensors, initial)
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))
    for kernel in kernels(made(name).cell)[:2]:
        layout = gpu.layout(kernel, torch.float32, False, False, kernel.defines)
        for compiled in compile_program(Program(kernel, layout), "sm_90").values():
            assert compiled.resources.spilled_bytes == 0 and compiled.loads_in_flight >= 16


@EVERY
def test_layers_and_networks(name):
    own = made(name)
    layer, x = own.layer(3, 6, num_layers=2, bidirectional=True).double(), torch.randn(7, 2, 3, dtype=torch.float64)
    y, state = layer(x, lengths=[7, 4])
    assert y.shape == (7, 2, 12) and not y[4:, 1].any()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x, lengths=[7, 4]), (y, state))
    one, state = own.layer(3, 6).double(), None
    for x_t in x:
        y_t, state = one.step(x_t, state)
    torch.testing.assert_close((y_t, state), (one(x)[0][-1], one(x)[1]))
    network = indrnn_cupy.PlainNetwork(3, 6, 2, recurrence=own.Recurrence).double()
    network(x)[0].square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_first_values_of_weights():
    layer = made("leaky").layer(3, 6, init={"rate": torch.nn.init.ones_})
    (module,) = layer.recurrences
    assert (module.rate == 1).all() and (module.u < 1).all()
    with pytest.raises(ValueError, match="init has rat, expected only u, rate"):
        made("leaky").layer(3, 6, init={"rat": torch.nn.init.ones_})


def test_what_does_not_fit_a_cell_is_said():
    own, x, u = made("leaky"), torch.zeros(3, 2, 4), torch.zeros(4)
    with pytest.raises(TypeError, match="leaky got 2 tensors, expected x, u, rate"):
        own(x, u)
    with pytest.raises(TypeError, match="leaky got c0, expected h0, lengths, resets"):
        own(x, u, u, c0=x[0])
    with pytest.raises(ValueError, match=r"rate has shape \(3,\), expected \(4,\)"):
        own(x, u, u[:3])
    with pytest.raises(ValueError, match=r"h0 has shape \(4,\), expected \(2, 4\)"):
        own(x, u, u, h0=u)
    with pytest.raises(TypeError, match=r"the path of a \.cu file, or source="):
        indrnn_cupy.recurrence()


@pytest.mark.parametrize("recurrence", [r for r in FIRST if r.by_hand], ids=str)
def test_gradients_by_hand_are_the_derived_ones(recurrence):
    assert by_hand_error(cell_of(recurrence.key)) < 1e-12
