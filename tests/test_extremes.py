"""Numbers near the largest of float32, and infinities: what the equations give, worked out in float64."""

from itertools import product

import pytest
import torch

from indrnn_cupy import functional, reference

GATES = [-float("inf"), -3.4e38, -40.0, -1.0, 0.0, 0.1, 2.0, 40.0, 3.4e38, float("inf")]
VALUES = [0.0, 1.0, -2.5, 1e30, 3e38, -3e38, 3.4e38, -3.4e38]
INFINITE = [float("inf"), -float("inf")]
LARGEST = torch.finfo(torch.float32).max


def sigmoid(x):
    """Whose derivative autograd works out to full accuracy on both sides."""
    return 1 / (1 + torch.exp(-x.clamp(-700, 700)))


def mingru(x, h):
    gate, candidate = x
    return sigmoid(-gate) * h + sigmoid(gate) * candidate


def minlstm(x, h):
    forget, take, candidate = x
    share = torch.nn.functional.logsigmoid(forget) - torch.nn.functional.logsigmoid(take)
    return sigmoid(share) * h + sigmoid(-share) * candidate


def linear_recurrence(x, h):
    a, b = x
    return a * h + b


def cases(name, values):
    """Every input of a step, side by side, and the state before it: (inputs, N) and (N,)."""
    gates = {"mingru": [GATES], "minlstm": [GATES, GATES], "linear_recurrence": [[-1.0, 0.5, 1.0, 1e30]]}[name]
    table = [case for case in product(*gates, values, values) if case[:2] != (-float("inf"),) * 2]
    *x, h = torch.tensor(table, dtype=torch.float32).T
    return torch.stack(x), h


def step(function, x, h, grad):
    """One step for each case, a hidden unit each: the value and all gradients."""
    x, h = x.clone().requires_grad_(), h.clone().requires_grad_()
    inputs = [part[None, None] for part in x] if "linear" in function.__name__ else [x.reshape(1, 1, -1)]
    y, _ = function(*inputs, h[None])
    return [y.detach().flatten(), *torch.autograd.grad(y, (x, h), grad.view_as(y))]


def exactly(equation, x, h, grad):
    """The same by the equation in float64."""
    x, h = x.double().requires_grad_(), h.double().requires_grad_()
    y = equation(x, h)
    return [y.detach(), *torch.autograd.grad(y, (x, h), grad.double())]


@pytest.mark.parametrize("equation", [mingru, minlstm, linear_recurrence], ids=lambda e: e.__name__)
def test_every_finite_input(equation):
    x, h = cases(equation.__name__, VALUES)
    grad = torch.where(torch.arange(len(h)) % 2 == 0, 1.0, -8.0)
    actual, expected = step(getattr(functional, equation.__name__), x, h, grad), exactly(equation, x, h, grad)
    same_signs = torch.cat((x[:-1], x[-1:].abs()))  # what is added up in a value, and in a gradient, without its signs
    sizes = [exactly(equation, same_signs, h.abs(), grad)[0], *exactly(equation, same_signs, -h.abs(), grad)[1:]]
    for a, e, size in zip(actual, expected, sizes, strict=True):
        fits = e.abs() < LARGEST
        assert ((a - e).abs() <= 2e-6 * size.abs() + 1e-37)[fits].all() and a[~fits].isinf().all()
    plain = step(getattr(reference, equation.__name__), x, h, grad)[0]
    torch.testing.assert_close(plain, expected[0].float(), rtol=1e-5, atol=LARGEST * 1e-7)


@pytest.mark.parametrize("package", [functional, reference], ids=["functional", "reference"])
@pytest.mark.parametrize("equation", [mingru, minlstm, linear_recurrence], ids=lambda e: e.__name__)
def test_infinite_states_and_candidates(equation, package):
    x, h = cases(equation.__name__, [0.0, 1.0, -1e8, *INFINITE])
    y = equation(x.double(), h.double()).float()
    actual = step(getattr(package, equation.__name__), x, h, torch.ones_like(h))[0]
    inside = (x[:-1].abs() < 41).all(0)  # beyond, a share is 0 in float32, and 0 times inf is NaN
    torch.testing.assert_close(actual[inside], y[inside], rtol=1e-5, atol=1e-37, equal_nan=True)
