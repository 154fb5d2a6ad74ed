"""IndRNN against independent oracles, its input checks, and its layers."""

import pytest
import torch

import indrnn_cupy
from indrnn_cupy import functional as F


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_equals_torch_rnn_with_a_diagonal_matrix(activation, batch_first):
    T, B, H = 50, 4, 7
    rnn = torch.nn.RNN(H, H, nonlinearity=activation, bias=False, batch_first=batch_first, dtype=torch.float64)
    u = (torch.rand(H, dtype=torch.float64) * 2 - 1).requires_grad_()
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(torch.eye(H))
        rnn.weight_hh_l0.copy_(torch.diag(u))
    x = torch.randn((B, T, H) if batch_first else (T, B, H), dtype=torch.float64)
    h0 = torch.randn(B, H, dtype=torch.float64)
    ours = [x.clone().requires_grad_(), u, h0.clone().requires_grad_()]
    theirs = [x.clone().requires_grad_(), rnn.weight_hh_l0, h0.clone().requires_grad_()]
    y, h_n = F.indrnn(*ours, activation=activation, batch_first=batch_first)
    expected_y, expected_h_n = rnn(theirs[0], theirs[2].unsqueeze(0))
    cotangents = [torch.randn(y.shape, dtype=torch.float64), torch.randn(h_n.shape, dtype=torch.float64)]
    actual = [y, h_n, *torch.autograd.grad((y, h_n), ours, cotangents)]
    grads = torch.autograd.grad((expected_y, expected_h_n.squeeze(0)), theirs, cotangents)
    expected = [expected_y, expected_h_n.squeeze(0), grads[0], grads[1].diagonal(), grads[2]]
    for a, e in zip(actual, expected, strict=True):
        assert (a - e).abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_state_of_float32_is_carried_without_rounding(dtype):
    x, u = torch.full((4000, 1, 1), 0.001, dtype=dtype), torch.ones(1)
    _, whole = F.indrnn(x, u, torch.zeros(1, 1))
    state = torch.zeros(1, 1)
    for part in x.split(400):
        _, state = F.indrnn(part, u, state)
    assert state.dtype == torch.float32 and torch.equal(state, whole)
    assert F.indrnn(x, u)[1].dtype == dtype
    torch.testing.assert_close(whole, x.double().sum(0).float(), rtol=1e-4, atol=0)


def test_identity_is_a_geometric_sum():
    u = torch.tensor([0.5, -0.9, 1.0, 0.0], dtype=torch.float64)
    y, _ = F.indrnn(torch.ones(30, 1, 4, dtype=torch.float64), u, activation="identity")
    t = torch.arange(30, dtype=torch.float64).unsqueeze(1)
    expected = torch.stack([sum(u**k for k in range(int(n) + 1)) for n in t])
    torch.testing.assert_close(y.squeeze(1), expected, rtol=1e-14, atol=0)


ULP = {"tanh": 3.3, "sigmoid": 2.5}  # errors that kernels/activation.cuh states


def assert_within_ulp(name, x):
    y, _ = F.indrnn(x.view(1, 1, -1), torch.zeros_like(x), activation=name)
    exact = getattr(torch, name)(x.double())
    ulp = torch.ldexp(torch.ones_like(exact), torch.frexp(exact.abs())[1] - 24)
    error = (y.flatten().double() - exact).abs() / ulp
    subnormal = exact.abs() < 2**-126
    assert (error[~subnormal] <= ULP[name]).all()
    assert (y.flatten()[subnormal].double() <= exact[subnormal].abs().clamp(min=2**-126)).all()


@pytest.mark.parametrize("name", ULP)
def test_activation_over_its_whole_range(name):
    magnitudes = torch.logspace(-30, 2.5, 200_001)
    assert_within_ulp(name, torch.cat([-magnitudes, torch.zeros(1), magnitudes]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ULP)
def test_activation_of_every_number(name):
    for first in range(0, 0x7F800000, 1 << 23):
        x = torch.arange(first, first + (1 << 23)).to(torch.int32).view(torch.float32)
        for signed in (x, -x):
            assert_within_ulp(name, signed)


@pytest.mark.parametrize("name", ULP)
def test_activation_in_double_precision(name):
    magnitudes = torch.logspace(-30, 2.8, 20001, dtype=torch.float64)
    x = torch.cat([-magnitudes, torch.zeros(1, dtype=torch.float64), magnitudes])
    y, _ = F.indrnn(x.view(1, 1, -1), torch.zeros_like(x), activation=name)
    torch.testing.assert_close(y.flatten(), getattr(torch, name)(x), rtol=4 * 2**-52, atol=2**-1022)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.randn(4, 5)}, ValueError, r"x has shape \(4, 5\), expected three dimensions \(T, B, H\)"),
        ({"x": [1.0]}, TypeError, "x is a list"),
        ({"x": torch.zeros(4, 3, 5, dtype=torch.int64)}, TypeError, "x is torch.int64"),
        ({"weight": torch.rand(6)}, ValueError, r"weight has shape \(6,\), expected \(5,\)"),
        ({"weight": torch.rand(5).double()}, TypeError, "weight is torch.float64 but x is torch.float32"),
        ({"weight": torch.rand(5, device="meta")}, ValueError, "weight is on meta but x is on cpu"),
        ({"h0": torch.rand(1, 3, 5)}, ValueError, r"h0 has shape \(1, 3, 5\), expected \(3, 5\)"),
        ({"lengths": torch.tensor([1, 2])}, ValueError, r"lengths has shape \(2,\), expected \(3,\)"),
        ({"lengths": torch.tensor([1.0, 2.0, 3.0])}, TypeError, "lengths is torch.float32, expected integers"),
        ({"lengths": torch.tensor([1, 2, 5])}, ValueError, "lengths range from 1 to 5, expected 0 to T = 4"),
        ({"resets": torch.ones(4, 3)}, TypeError, "resets is torch.float32, expected a torch.bool"),
        ({"resets": torch.ones(3, 4, dtype=torch.bool)}, ValueError, r"resets has shape \(3, 4\), expected \(4, 3\)"),
        ({"activation": "gelu"}, ValueError, "'gelu', expected one of relu, tanh, sigmoid, hardtanh, identity"),
    ],
)
def test_what_does_not_fit_is_said(change, error, message):
    arguments = {"x": torch.randn(4, 3, 5), "weight": torch.rand(5), "h0": torch.rand(3, 5), **change}
    with pytest.raises(error, match=message):
        F.indrnn(**arguments)


def test_initial_weights_and_bound():
    bound = 5 ** (1 / 784)
    layer = indrnn_cupy.IndRNN(3, 1000, num_layers=2, bound=bound)
    first, last = (r.weight for r in layer.recurrences)
    assert first.min() >= 0 and first.min() < 0.01 and 0.99 < first.max() <= bound
    assert last.min() >= 1 / bound and last.max() <= bound and last.std() > 0
    with torch.no_grad():
        first.fill_(2.0), last.fill_(-2.0)
    indrnn_cupy.clamp_recurrent_(layer)
    assert (first == first.new_tensor(bound)).all() and (last == -last.new_tensor(bound)).all()
    free = indrnn_cupy.IndRNNRecurrence(1000).weight
    assert free.min() >= 0 and free.max() <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: indrnn_cupy.IndRNNRecurrence(4, bound=-1.0), "bound is -1.0"),
        (lambda: indrnn_cupy.IndRNNRecurrence(4, long_memory=True), "long_memory needs a bound above 1"),
        (lambda: indrnn_cupy.IndRNNRecurrence(4, activation="gelu"), "'gelu', expected one of"),
    ],
)
def test_layers_say_what_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
