"""IRevRNN against autograd of its equations and closed forms, what it keeps for backward, and its layers."""

import itertools

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from benchmarks.memory import kept_bytes
from indrnn_cupy import IRevRNN, IRevRNNRecurrence, PlainNetwork, ResidualNetwork, reference
from indrnn_cupy import functional as F
from indrnn_cupy.check.recurrences import flat, with_gradients

ACTIVATIONS = ("relu", "tanh", "sigmoid")
MODES = ({"memory": "store"}, {}, {"every": 5}, {"every": 100})


def numbers(T, B, H, R, dtype=torch.float64):
    """Inputs of every kind of recurrent weight, 0 and below 0 among them."""
    u = torch.linspace(-1, 1, H, dtype=dtype)
    u[H // 2] = 0
    inner = torch.randn(2, R, H, dtype=dtype) / 4
    return torch.randn(T, B, H, dtype=dtype), u, *inner, *torch.randn(2, B, H, dtype=dtype)


PAIRS = [*zip(ACTIVATIONS, [*ACTIVATIONS][1:] + [*ACTIVATIONS][:1], strict=True)]


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, id="-".join(pair), marks=[] if pair in PAIRS else pytest.mark.slow)
        for pair in itertools.product(ACTIVATIONS, ACTIVATIONS)
    ],
)
def test_equals_autograd_of_the_equations(pair):
    T, B, H = 23, 5, 9
    inputs = numbers(T, B, H, R=3)
    options = {"activation": pair[0], "inner_activation": pair[1]}
    some = {"lengths": torch.tensor([23, 0, 5, 11, 16]), "resets": torch.rand(T, B) < 0.1}
    for steps in ({}, some, {**some, "reverse": True}):
        expected = with_gradients(lambda *i, o=steps: flat(reference.irevrnn(*i, **options, **o)), inputs)
        for mode in MODES:
            actual = with_gradients(lambda *i, o=steps, m=mode: flat(F.irevrnn(*i, **options, **o, **m)), inputs)
            for a, e in zip(actual, expected, strict=True):
                assert (a - e).abs().max() <= 1e-12 * max(1, e.abs().max())


def test_without_inner_weights_it_is_indrnn_to_the_bit():
    x, u, *_, h0, c0 = numbers(40, 3, 20, 2, torch.float32)
    zeros = torch.zeros(2, 20)
    indrnn = with_gradients(F.indrnn, (x, u, h0))
    ours = with_gradients(lambda x, u, h0: flat(F.irevrnn(x, u, zeros, zeros, h0, c0))[:2], (x, u, h0))
    assert all(torch.equal(a, b) for a, b in zip(ours, indrnn, strict=True))


def test_linear_sub_steps_are_a_power_of_a_matrix():
    """One unit: (h, c) goes through [[1 + ab, b], [a, 1]] once a sub-step, after h was multiplied by u."""
    u, a, b, R, T = 0.9, 0.2, -0.3, 3, 12
    weights = torch.tensor([[u], [a], [b]], dtype=torch.float64)
    states = torch.tensor([[[1.5]], [[-0.5]]], dtype=torch.float64)
    y, (h_n, c_n) = F.irevrnn(
        torch.zeros(T, 1, 1, dtype=torch.float64),
        weights[0],
        *weights[1:].unsqueeze(1).expand(2, R, 1),
        *states,
        activation="identity",
        inner_activation="identity",
    )
    inner = torch.tensor([[1 + a * b, b], [a, 1]], dtype=torch.float64).matrix_power(R)
    expected = (inner @ torch.diag(torch.tensor([u, 1.0], dtype=torch.float64))).matrix_power(T) @ states.view(2, 1)
    torch.testing.assert_close(torch.stack((h_n, c_n)).view(2, 1), expected, rtol=1e-13, atol=0)
    assert torch.equal(y[-1], h_n)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_kept_does_not_change_a_bit(reverse):
    inputs = numbers(30, 3, 20, 3, torch.float32)
    lengths = torch.tensor([30, 17, 4])
    runs = [
        with_gradients(lambda *i, m=mode: flat(F.irevrnn(*i, lengths=lengths, reverse=reverse, **m)), inputs)
        for mode in (*MODES, {"every": 1}, {"every": 29}, {"every": 30})
    ]
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_recompute_keeps_few_cells():
    T, B, H = 100, 4, 16
    x, *rest = (t.requires_grad_() for t in numbers(T, B, H, 3, torch.float32))
    state, sequence = 4 * B * H, 4 * T * B * H
    fixed = 2 * state + 4 * H * (1 + 2 * 3)  # h0, c0 and the weights
    assert kept_bytes(lambda: F.irevrnn(x, *rest, memory="store")) == 2 * sequence + fixed
    kept = 4 + 2  # a cell for all but one of 5 blocks of 20 steps, and two places more
    assert kept_bytes(lambda: F.irevrnn(x, *rest)) == sequence + kept * state + fixed


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"hidden_weights": torch.rand(0, 5)}, ValueError, "R of hidden_weights, .* is 0, expected 1 to 14 sub-steps"),
        (
            {"hidden_weights": torch.rand(15, 5)},
            ValueError,
            "R of hidden_weights, .* is 15, expected 1 to 14 sub-steps",
        ),
        ({"cell_weights": torch.rand(3, 5)}, ValueError, r"cell_weights has shape \(3, 5\), expected \(2, 5\)"),
        ({"c0": torch.rand(3, 4)}, ValueError, r"c0 has shape \(3, 4\), expected \(3, 5\)"),
        ({"inner_activation": "gelu"}, ValueError, "inner_activation is 'gelu', expected one of"),
        ({"memory": "none"}, ValueError, "memory is 'none', expected 'recompute' or 'store'"),
        ({"every": 0}, ValueError, "every is 0, expected a positive number"),
        (
            {"memory": "store", "every": 3},
            ValueError,
            "every is 3, expected a positive number, with memory='recompute'",
        ),
    ],
)
def test_what_does_not_fit_is_said(change, error, message):
    arguments = {"x": torch.randn(4, 3, 5), "weight": torch.rand(5)}
    arguments |= {"hidden_weights": torch.rand(2, 5), "cell_weights": torch.rand(2, 5), **change}
    with pytest.raises(error, match=message):
        F.irevrnn(**arguments)


def test_layers_are_projections_and_the_function():
    network = IRevRNN(3, 6, 2, rev_len=2, inner_activation="sigmoid", bidirectional=True, stable=True).double()
    x, states = torch.randn(9, 4, 3).double(), torch.randn(2, 4, 4, 6).double()
    y, last = network(x, tuple(states))
    expected, outputs, finals = x, [], []
    for number, (linear, r) in enumerate(zip(network.projections, network.recurrences, strict=True)):
        a, b = r.hidden_weights.abs(), -r.cell_weights.abs()
        options = {"inner_activation": "sigmoid", "reverse": number % 2 == 1}
        out, final = reference.irevrnn(linear(expected), r.weight, a, b, *states[:, number], **options)
        outputs.append(out), finals.append(torch.stack(final))
        if number % 2:
            expected, outputs = torch.cat(outputs, -1), []
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(torch.stack(last), torch.stack(finals, 1))


def test_streams_and_packed_sequences():
    network = IRevRNN(3, 6, 2, batch_first=True).double()
    rows = [torch.randn(n, 3).double() for n in (4, 7, 2)]
    _, last = network(pack_sequence(rows, enforce_sorted=False))
    for row, sequence in enumerate(rows):
        state = None
        for x_t in sequence:
            y_t, state = network.step(x_t.unsqueeze(0), state)
        alone, alone_state = network(sequence)  # without a batch
        torch.testing.assert_close(y_t[0], alone[-1])
        for a, b, c in zip(last, state, alone_state, strict=True):
            torch.testing.assert_close(a[:, row], b[:, 0])
            torch.testing.assert_close(a[:, row], c)


def test_a_state_of_another_form_is_said():
    network, x = IRevRNN(3, 6), torch.randn(4, 2, 3)
    with pytest.raises(TypeError, match="the state is a Tensor, expected h0, c0"):
        network(x, torch.zeros(1, 2, 6))
    with pytest.raises(TypeError, match="c0 is a NoneType"):
        network(x, (torch.zeros(1, 2, 6), None))
    with pytest.raises(TypeError, match=r"the state is 1 tensor\(s\), expected 2: h0, c0"):
        network.recurrences[0](torch.randn(4, 2, 6), torch.zeros(2, 6))
    with pytest.raises(ValueError, match=r"c0 has shape \(1, 2, 5\), expected \(1, 2, 6\)"):
        network(x, (torch.zeros(1, 2, 6), torch.zeros(1, 2, 5)))


@pytest.mark.parametrize("kind", [PlainNetwork, ResidualNetwork])
def test_networks_of_it(kind):
    network = kind(3, 6, 2, recurrence=IRevRNNRecurrence, rev_len=2, stable=True, bound=1.1, dropout=0.1)
    recurrences = [m for m in network.modules() if isinstance(m, IRevRNNRecurrence)]
    assert [r.long_memory for r in recurrences] == [False] * (len(recurrences) - 1) + [True]
    network(torch.randn(9, 4, 3), lengths=torch.tensor([9, 3, 1, 5]))[0].square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for r in recurrences for p in r.parameters())
