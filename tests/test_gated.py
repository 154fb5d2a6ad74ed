"""minGRU, minLSTM and the linear recurrence: accuracy over long sequences, extremes, layers, weights of others."""

import math

import numpy as np
import pytest
import torch

from indrnn_cupy import (
    MinGRU,
    MinGRUCell,
    MinGRURecurrence,
    MinLSTM,
    MinLSTMCell,
    MinLSTMRecurrence,
    PlainNetwork,
    ResidualNetwork,
    ReversibleNetwork,
    reference,
)
from indrnn_cupy import functional as F
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import with_gradients

GATES = {"mingru": 2, "minlstm": 3}
LAYERS = {"mingru": MinGRU, "minlstm": MinLSTM}
RECURRENCES = {"mingru": MinGRURecurrence, "minlstm": MinLSTMRecurrence}


@pytest.mark.parametrize("bias", [-8, 0, 8])
@pytest.mark.parametrize("T", [256, 4096])
@pytest.mark.parametrize("name", GATES)
def test_float32_keeps_its_accuracy(name, T, bias):
    H, function = 16, getattr(F, name)
    x = torch.randn(T, 2, GATES[name] * H)
    x[..., :H] += bias
    h0 = torch.randn(2, H)
    results = []
    for dtype in (torch.float32, torch.float64):
        leaves = [x.to(dtype).requires_grad_(), h0.to(dtype).requires_grad_()]
        y, h_n = function(*leaves, activation="g")
        results.append([y, h_n, *torch.autograd.grad(y.square().sum(), leaves)])
    for single, double in zip(*results, strict=True):
        assert (single - double).abs().max() < 1e-5 * double.abs().max()


def test_a_constant_gate_is_a_closed_form():
    """With z = 1/2 and a candidate of 1: h_t = 1 - (1 - h0) / 2^t; minLSTM with equal gates is the same."""
    h0, t = (
        torch.tensor([[-3.0, 0.0, 2.0]], dtype=torch.float64),
        torch.arange(1, 31, dtype=torch.float64)[:, None, None],
    )
    expected = 1 - (1 - h0) / 2**t
    ones = torch.ones(30, 1, 3, dtype=torch.float64)
    for name, gates in (
        ("mingru", [0 * ones]),
        ("minlstm", [7 * ones, 7 * ones]),
        ("minlstm", [-900 * ones, -900 * ones]),
    ):
        y, h_n = getattr(F, name)(torch.cat([*gates, ones], -1), h0)
        torch.testing.assert_close(y, expected, rtol=1e-14, atol=0)
        assert torch.equal(h_n, y[-1])


def test_linear_recurrence_is_a_product_and_a_sum():
    a, h0 = torch.tensor([-1.5, 0.0, 0.5, 1.0], dtype=torch.float64), torch.ones(1, 4, dtype=torch.float64)
    y, _ = F.linear_recurrence(a.expand(20, 1, 4), torch.ones(20, 1, 4, dtype=torch.float64), h0)
    t = torch.arange(1, 21, dtype=torch.float64)[:, None]
    torch.testing.assert_close(y[:, 0], torch.stack([sum(a**k for k in range(int(n) + 1)) for n in t]))


@pytest.mark.parametrize("size", [30.0, 100.0, 1e4, float("inf")])
def test_minlstm_of_large_gates(size):
    """Every pair of gates of this size: shares of 0, 1/2 and 1, and finite gradients."""
    pairs = torch.cartesian_prod(*[torch.tensor([-size, 0.0, size])] * 2)
    x = torch.cat([pairs.T.reshape(1, 1, -1), torch.full((1, 1, 9), 2.0)], -1)
    actual = with_gradients(F.minlstm, (x, torch.ones(1, 9)))
    expected = with_gradients(reference.minlstm, (x.double().clamp(-1e5, 1e5), torch.ones(1, 9).double()))
    assert all(t.isfinite().all() for t in actual)
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a.double(), e, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", GATES)
def test_two_parts_that_carry_the_state_are_one(name):
    x, h0 = torch.randn(20, 3, GATES[name] * 6), torch.tensor([-1.0, 0.0, 1.0])[:, None].expand(3, 6)
    whole, last = getattr(F, name)(x, h0)
    first, state = getattr(F, name)(x[:7], h0)
    second, end = getattr(F, name)(x[7:], state)
    assert torch.equal(whole, torch.cat((first, second))) and torch.equal(last, end)


def test_the_choice_of_chunks_is_seen_and_taken():
    x = torch.randn(64, 1, 6)
    for chunk, kernels in ((0, 2), (16, 6)):
        with interpreted(chunk=8 if chunk == 0 else 0) as launches:  # what would be chosen
            with_gradients(lambda x, c=chunk: F.mingru(x, chunk=c), (x,))
        assert len(launches) == kernels
    assert F.chunk_steps(65536, 1, 128) == 256 and F.chunk_steps(784, 32, 128) == 0
    with pytest.raises(ValueError, match="chunk is -1, expected the number of steps in a chunk, 0, or None"):
        F.mingru(x, chunk=-1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.mingru(torch.randn(4, 3, 7)), ValueError, r"x has shape \(4, 3, 7\), expected 2 elements for each"),
        (lambda: F.minlstm(torch.randn(4, 3, 8)), ValueError, r"expected 3 elements for each hidden unit"),
        (
            lambda: F.mingru(torch.randn(4, 3, 8), torch.zeros(3, 8)),
            ValueError,
            r"h0 has shape \(3, 8\), expected \(3, 4\)",
        ),
        (lambda: F.linear_recurrence(*torch.randn(2, 4, 3, 8).unbind(), torch.zeros(3)), ValueError, "h0 has shape"),
        (lambda: F.linear_recurrence(torch.randn(4, 3, 8), torch.randn(4, 3, 7)), ValueError, "b has shape"),
        (
            lambda: F.linear_recurrence(torch.randn(4, 3, 8).half(), torch.randn(4, 3, 8)),
            TypeError,
            "b is torch.float32",
        ),
    ],
)
def test_what_does_not_fit_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", GATES)
def test_layers_are_projections_and_the_function(name):
    network = LAYERS[name](3, 6, 2, activation="g", bidirectional=True, learned_h0=True).double()
    for recurrence in network.recurrences:
        torch.nn.init.normal_(recurrence.h0)
    x = expected = torch.randn(9, 4, 3).double()
    outputs = []
    for number, (linear, r) in enumerate(zip(network.projections, network.recurrences, strict=True)):
        options = {"activation": "g", "reverse": number % 2 == 1}
        outputs.append(getattr(reference, name)(linear(expected), r.h0.expand(4, -1), **options)[0])
        if number % 2:
            expected, outputs = torch.cat(outputs, -1), []
    torch.testing.assert_close(network(x)[0], expected)
    network(x)[0].square().sum().backward()
    assert all(p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(("layer", "cell"), [(MinGRU, MinGRUCell), (MinLSTM, MinLSTMCell)])
def test_a_cell_is_one_step_of_a_layer(layer, cell):
    network, one = layer(3, 6), cell(3, 6)
    one.projection.load_state_dict(network.projections[0].state_dict())
    x, h, state = torch.randn(5, 4, 3), None, None
    for x_t in x:
        h = one(x_t, h)
        y_t, state = network.step(x_t, state)
        assert torch.equal(h, y_t)
    torch.testing.assert_close(one(x[0, 0]), one(x[0])[0])  # without a batch
    torch.testing.assert_close(h, network(x)[1][0])


def memories(network, size):
    """The steps that each unit keeps a state for, without an input: 1 / what is gone after one."""
    x = torch.zeros(1, 1, network.input_size)
    left = network(x, torch.ones(1, 1, size))[1] - network(x)[1]
    return 1 / (1 - left.flatten())


@pytest.mark.parametrize("name", GATES)
def test_first_memories(name):
    for _ in range(2):  # the second time after a reset
        network = LAYERS[name](3, 20_000, forget_bias=5.0)
        assert 100 < memories(network, 20_000).median() < 200  # e^5 is 148
        network.reset_parameters()
    spread = memories(LAYERS[name](100, 20_000, longest_memory=784), 20_000)
    shares = torch.histc(spread.log(), bins=5, min=0, max=math.log(784)) / len(spread)
    torch.testing.assert_close(shares, torch.full((5,), 0.2), rtol=0, atol=0.03)
    with pytest.raises(ValueError, match="the initial memory is set by a bias, but there is none"):
        LAYERS[name](3, 4, bias=False, forget_bias=1.0)
    with pytest.raises(ValueError, match="forget_bias and longest_memory set the same bias"):
        LAYERS[name](3, 4, longest_memory=9, forget_bias=1.0)


def heinsen(log_keep, log_value):
    """The scan in logarithms that minGRU-pytorch runs, in float64."""
    total = log_keep.cumsum(1)
    return (total + (log_value - total).logcumsumexp(1)).exp()


def log_g(x):
    return torch.where(x >= 0, (x.relu() + 0.5).log(), -torch.nn.functional.softplus(-x))


@pytest.mark.parametrize("name", GATES)
def test_weights_of_mingru_pytorch(name):
    softplus, x = torch.nn.functional.softplus, torch.randn(2, 9, 5).double()
    weight = torch.randn(GATES[name] * 6, 5).double()
    hidden, *gates = (x @ weight.T).chunk(GATES[name], -1)
    if name == "mingru":
        key, expected = "to_hidden_and_gate", heinsen(-softplus(gates[0]), -softplus(-gates[0]) + log_g(hidden))
    else:
        d = softplus(-gates[0]) - softplus(-gates[1])
        key, expected = "to_hidden_and_f_i_gate", heinsen(-softplus(d), -softplus(-d) + log_g(hidden))
    network = LAYERS[name].from_weights({f"{key}.weight": weight}, batch_first=True, learned_h0=True)
    torch.testing.assert_close(network(x)[0], expected)


@pytest.mark.parametrize("name", GATES)
def test_weights_of_numpy_cells(name):
    rng, gates = np.random.default_rng(0), {"mingru": "zh", "minlstm": "fih"}[name]
    weights = {f"linear_{g}.weights": rng.standard_normal((6, 5)) for g in gates}
    weights |= {f"linear_{g}.bias": rng.standard_normal(6) for g in gates}
    x, h = rng.standard_normal((9, 5)), rng.standard_normal(6)
    y, _ = LAYERS[name].from_weights(weights)(torch.from_numpy(x), torch.from_numpy(h)[None])
    for x_t, y_t in zip(x, y.detach().numpy(), strict=True):
        *shares, candidate = (weights[f"linear_{g}.weights"] @ x_t + weights[f"linear_{g}.bias"] for g in gates)
        shares = [1 / (1 + np.exp(-s)) for s in shares]
        take = shares[0] if name == "mingru" else shares[1] / sum(shares)
        h = (1 - take) * h + take * candidate
        np.testing.assert_allclose(y_t, h, rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "the weights are none; expected to_hidden_and_gate.weight only, or linear_z.weights, "),
        ({"linear_z.weights": torch.zeros(2, 3)}, "the weights are linear_z.weights; expected"),
        (
            {"to_hidden_and_gate.weight": torch.zeros(4, 3), "to_out.weight": torch.zeros(3, 2)},
            "to_out.weight is a projection after the recurrence",
        ),
        ({"to_hidden_and_gate.weight": torch.zeros(5, 3)}, "floating-point matrices of the same shape for all gates"),
        ({"to_hidden_and_gate.weight": torch.zeros(4)}, "floating-point matrices of the same shape for all gates"),
        (
            {
                f"linear_{g}.{end}": torch.zeros(n, *w)
                for g, n in (("z", 2), ("h", 4))
                for end, w in (("weights", [3]), ("bias", []))
            },
            "floating-point matrices of the same shape for all gates",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        MinGRU.from_weights(weights)


@pytest.mark.parametrize("kind", [PlainNetwork, ResidualNetwork, ReversibleNetwork])
@pytest.mark.parametrize("name", GATES)
def test_networks_of_them(kind, name):
    network = kind(3, 6, 2, recurrence=RECURRENCES[name], learned_h0=True, dropout=0.1)
    y, _ = network(torch.randn(9, 4, 3), lengths=torch.tensor([9, 3, 1, 5]))
    assert y.shape == (9, 4, network.output_size) and not y[3:, 1].any()
    y.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_sizes_of_recurrences_and_cells_are_checked():
    with pytest.raises(ValueError, match="hidden_size is -3, expected a whole number"):
        MinGRURecurrence(-3)
    with pytest.raises(ValueError, match=r"x has shape \(4, 2, 6\), expected a last dimension of 10"):
        MinGRURecurrence(5)(torch.randn(4, 2, 6))
    with pytest.raises(ValueError, match=r"x_t has shape \(2, 3\) and h \(6,\), expected \(B, features\)"):
        MinGRUCell(3, 6)(torch.randn(2, 3), torch.zeros(6))
