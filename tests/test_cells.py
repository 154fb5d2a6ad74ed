"""SRU, QRNN, IndyLSTM, IndyGRU, UnICORNN, RG-LRU, HGRN, LRU and LIF as modules: first values, options, errors."""

import math

import pytest
import torch
from torch.nn.functional import softplus

import indrnn_cupy
from indrnn_cupy import functional as F

NAMES = ["SRU", "QRNN", "IndyLSTM", "IndyGRU", "UnICORNN", "RGLRU", "HGRN", "LRU", "LIF"]


@pytest.mark.parametrize("name", NAMES)
def test_layers_have_the_shapes_of_torch(name):
    layer = getattr(indrnn_cupy, name)(3, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
    x = torch.randn(4, 7, 3, requires_grad=True)
    y, state = layer(x)
    width = 2 * layer.recurrences[0].outputs * 5
    assert y.shape == (4, 7, width)
    tensors = (state,) if isinstance(state, torch.Tensor) else state
    assert [t.shape for t in tensors] == [(4, 4, 5)] * len(layer.state_names)
    y.square().sum().backward()
    unused = [n for n, p in layer.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not unused and x.grad.isfinite().all()
    layer.reset_parameters()


@pytest.mark.parametrize("name", ["SRU", "QRNN", "IndyLSTM", "IndyGRU"])
def test_longest_memory_spreads_the_gate_that_keeps(name):
    """With no input and no recurrent weights the gate keeps e^(-1/m) of a state, m from 1 to 1,000 steps."""
    layer = getattr(indrnn_cupy, name)(1, 4000, longest_memory=1000)
    kept = torch.sigmoid(layer.projections[0].bias.unflatten(0, (-1, 4000))[1].detach().double())
    memories = -1 / kept.log()
    assert 0 < memories.min() < 2 and 500 < memories.max() < 1001
    assert abs(memories.log().median() - math.log(1000) / 2) < 0.3


def test_first_values():
    recurrence = indrnn_cupy.LRURecurrence(2000, radius_range=(0.5, 0.9), largest_angle=1.0)
    radius, angle = torch.exp(-torch.exp(recurrence.nu)), torch.exp(recurrence.theta)
    assert 0.499 < radius.min() < 0.51 and 0.89 < radius.max() < 0.901 and 0.98 < angle.max() < 1.001
    assert abs((radius**2).mean() - (0.5**2 + 0.9**2) / 2) < 0.02  # uniform on the ring
    torch.testing.assert_close(torch.exp(recurrence.gain), (1 - radius**2).sqrt())
    kept = torch.exp(-8 * softplus(indrnn_cupy.RGLRURecurrence(2000, decay_range=(0.8, 0.99)).rate))
    assert 0.799 < kept.min() < 0.81 and 0.98 < kept.max() < 0.9901
    lower = torch.sigmoid(indrnn_cupy.HGRNRecurrence(2000, longest_memory=100).lower)
    assert lower.min() < 0.1 and 0.98 < lower.max() < 1 - 1 / 100 + 1e-4
    torch.testing.assert_close(torch.sigmoid(indrnn_cupy.LIFRecurrence(3, tau=4.0).w), torch.full((3,), 0.75))


@pytest.mark.parametrize("refractory", [0, 1, 3])
def test_a_neuron_rests_after_a_spike(refractory):
    """Driven above its threshold at every step, it fires every `refractory` + 1 steps."""
    x, ones = torch.full((12, 2, 3), 2.0), torch.ones(3)
    y, _ = F.lif(x, 0 * ones, ones, refractory=refractory)
    expected = (torch.arange(12) % (refractory + 1) == 0).float()
    assert torch.equal(y, expected[:, None, None].expand(12, 2, 3))
    y, (_, rest) = F.lif(x[:2], 0 * ones, ones, refractory=3)
    later, _ = F.lif(x[2:], 0 * ones, ones, rest0=rest, refractory=3)
    whole, _ = F.lif(x, 0 * ones, ones, refractory=3)
    assert torch.equal(torch.cat((y, later)), whole)


def test_a_neuron_charges_and_is_reset():
    """q = v / 2 + 0.75: 0.75, 1.125 (fires), then from 0.125 or, with a hard reset to -1, from -1."""
    x, decay, threshold = torch.full((3, 1, 1), 0.75), torch.tensor([0.5]), torch.ones(1)
    y, v = F.lif(x, decay, threshold, membrane=True)
    assert y.flatten(1).tolist() == [[0, 0.75], [1, 1.125], [0, 0.8125]] and v.item() == 0.8125
    y, v = F.lif(x, decay, threshold, membrane=True, reset="hard", reset_value=torch.tensor([-1.0]))
    assert y.flatten(1).tolist() == [[0, 0.75], [1, 1.125], [0, 0.25]] and v.item() == 0.25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: F.lif(x, w, w, reset="none"), "reset is 'none', expected one of soft, hard"),
        (lambda x, w: F.lif(x, w, w, surrogate="spike"), "surrogate is 'spike', expected one of triangle, sigmoid"),
        (lambda x, w: F.lif(x, w, w, refractory=-1), "refractory is -1, expected a whole number of steps"),
        (lambda x, w: F.lif(x, w, w, rest0=x[0]), "rest0 needs refractory"),
        (lambda x, w: F.qrnn(x, pooling="of"), "pooling is 'of', expected one of f, fo, ifo"),
        (lambda x, w: F.sru(x, w), "x has shape .* expected 4 elements for each hidden unit"),
        (lambda x, w: F.rglru(x, w), "rate has shape .* expected"),
        (lambda x, w: indrnn_cupy.LRURecurrence(3, radius_range=(0.9, 1.0)), "radius_range is .* between 0 and 1"),
        (lambda x, w: indrnn_cupy.LIFRecurrence(3, tau=1.0), "tau is 1.0, expected a finite number, above 1"),
        (lambda x, w: indrnn_cupy.UnICORNNRecurrence(3, dt=0.0), "dt is 0.0"),
        (lambda x, w: F.lif(x, w, w, steepness=0), "steepness is 0, expected a finite number, above 0"),
        (lambda x, w: F.lif(x, w[0], w[0]), r"decay has shape \(\), expected \(3,\)"),
        (lambda x, w: F.unicornn(x, w, w, alpha=-1.0), "alpha is -1.0, expected a finite number, at least 0"),
        (
            lambda x, w: indrnn_cupy.SRU(3, 4, actvation="tanh"),
            "actvation is not an option of SRURecurrence, which has a",
        ),
        (lambda x, w: indrnn_cupy.LIF(3, 4, refractory=2), "refractory is not an option of LIFRecurrence, which has t"),
        (
            lambda x, w: indrnn_cupy.PlainNetwork(3, 4, 1, bounds=1),
            "bounds is not an option of IndRNNRecurrence, which",
        ),
        (lambda x, w: indrnn_cupy.LIF(3, 4, surrogate="x"), "surrogate is 'x', expected one of"),
        (lambda x, w: indrnn_cupy.SRU.from_weights({"a": w}), "the weights are a; expected weight, weight_c"),
        (lambda x, w: indrnn_cupy.UnICORNN.from_weights({"a": w}), "expected those of torchrecurrent.UnICORNN"),
        (lambda x, w: indrnn_cupy.SRURecurrence(3)(x), r"x has shape \(4, 2, 3\), expected a last dimension of 12"),
        (lambda x, w: indrnn_cupy.LIFRecurrence(3)(x, (x[0], x[0])), r"the state is 2 tensor\(s\), expected 1: v0"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(torch.randn(4, 2, 3), torch.rand(3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler itself
def test_blocks_fuse_under_torch_compile():
    torch._dynamo.reset()
    ops = []

    def record(graph, _):
        ops.extend(
            str(node.target)
            for part in graph.modules()
            if hasattr(part, "graph")
            for node in part.graph.nodes
            if node.op == "call_function"
        )
        return graph

    network = indrnn_cupy.PlainNetwork(3, 8, 2, dropout=0.1)
    torch.compile(network, backend=record, fullgraph=True)(torch.randn(9, 4, 3))
    assert any("block_forward" in op for op in ops) and not any("batch_norm" in op for op in ops)


def test_a_block_with_a_forward_of_its_own_is_called():
    class Zero(indrnn_cupy.RecurrentBlock):
        def forward(self, x, state=None, **steps):
            y, state = super().forward(x, state, **steps)
            return 0 * y, state

    network = indrnn_cupy.PlainNetwork(3, 8, 1)
    network.layers[0].block = Zero(8)
    assert not network(torch.randn(9, 4, 3))[0].any()
    network = indrnn_cupy.PlainNetwork(3, 8, 1)
    network.layers[0].projection.bias = torch.nn.Parameter(torch.ones(1))  # a product broadcasts it
    x = torch.randn(9, 4, 3)
    expected = network(x)[0]
    network.layers[0].block.dropout.register_forward_hook(lambda *_: None)
    torch.testing.assert_close(network(x)[0], expected)


@pytest.mark.parametrize("outputs", ["v", "v, w"])
def test_the_plain_form_of_a_recurrence_of_one_s_own_takes_lengths(outputs):
    text = f"""#include "cell.cuh"
INLINE auto f(Input auto x, Weight auto u, State auto w) {{
    const auto v = tanh(fma(u, w, x));
    return states(v + w).output({outputs.replace("w", "w * x")});
}}"""

    def step(x, u, w):
        v = torch.tanh(u * w + x)
        return (v if outputs == "v" else torch.cat((v, w * x), -1)), v + w

    function = indrnn_cupy.recurrence(source=text, reference=step)
    x, u, w0 = torch.randn(7, 3, 5, dtype=torch.float64), torch.rand(5, dtype=torch.float64), torch.randn(3, 5).double()
    steps = {"lengths": torch.tensor([7, 0, 4]), "resets": torch.rand(7, 3) < 0.2, "reverse": True}
    y, w_n = function(x, u, w0=w0, **steps)
    plain, plain_n = function.call(x, u, w0=w0).plain(**steps, batch_first=False)
    torch.testing.assert_close(plain, y, rtol=0, atol=1e-14)
    torch.testing.assert_close(plain_n, w_n, rtol=0, atol=1e-14)
