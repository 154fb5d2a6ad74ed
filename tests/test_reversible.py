"""Networks that are reversible in depth: the numbers and gradients of plain autograd, and memory that stays flat."""

import copy

import pytest
import torch
from torch import nn

from benchmarks.network import kept
from indrnn_cupy import (
    IRevRNNRecurrence,
    MinGRU,
    MinGRURecurrence,
    MinLSTMRecurrence,
    PlainNetwork,
    RecurrentBlock,
    ResidualNetwork,
    ReversibleNetwork,
)
from indrnn_cupy.layers import reversible

OPTIONS = {
    "indrnn": {},
    "irevrnn": {"recurrence": IRevRNNRecurrence, "rev_len": 2},
    "step norm": {"norm": "step", "max_steps": 9},
    "layer norm": {"norm": "layer"},
    "bound": {"bound": 1.1, "clamp": True},
}


def plainly(branches, x1, x2, initial, steps):
    """The same by autograd, which keeps everything."""
    dtype = x1.dtype
    x1, x2 = (x.to(torch.promote_types(dtype, torch.float32)) for x in (x1, x2))
    states = []
    for branch, state in zip(branches, initial, strict=True):
        added, state = branch(x2.to(dtype), state, **steps)
        x1, x2 = x2, x1 + added
        states.append(state)
    return x1.to(dtype), x2.to(dtype), tuple(states)


def train_once(network, x, lengths, autocast=False):
    """An output, every gradient and every buffer after a step of training."""
    x = x.clone().requires_grad_()
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y, _ = network(x, lengths=lengths)
    random = torch.rand(3)  # what a program draws after the forward pass is not disturbed by backward
    y.float().square().sum().backward()
    return [y.detach(), random, torch.rand(3), x.grad, *(p.grad for p in network.parameters()), *network.buffers()]


@pytest.mark.parametrize("lengths", [None, torch.tensor([9, 4, 1, 7])], ids=["whole", "lengths"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_autograd(options, lengths, monkeypatch):
    network = ReversibleNetwork(3, 6, 3, dropout=0.2, **options).double()
    twin, x = copy.deepcopy(network), torch.randn(9, 4, 3, dtype=torch.float64)
    for _ in range(2):  # the second time from statistics that have moved
        network.zero_grad(), twin.zero_grad()
        actual = train_once(network, x, lengths)
        with monkeypatch.context() as patched:
            patched.setattr(reversible, "couple", plainly)
            expected = train_once(twin, x, lengths)
        for a, e in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, e, rtol=1e-9, atol=1e-11)


def test_autocast_is_replayed(monkeypatch):
    network = ReversibleNetwork(3, 6, 2, dropout=0.2)
    twin, x = copy.deepcopy(network), torch.randn(9, 4, 3)
    actual = train_once(network, x, None, autocast=True)
    monkeypatch.setattr(reversible, "couple", plainly)
    for a, e in zip(actual, train_once(twin, x, None, autocast=True), strict=True):
        assert a.dtype == e.dtype
        assert (a - e).abs().max() <= 1e-4 * e.abs().max()


def test_memory_is_flat_in_depth():
    T, B, H = 32, 4, 16
    x, size = torch.randn(T, B, H), T * B * H
    few, many = (kept(ReversibleNetwork(H, H, blocks, dropout=0.1), x, size) for blocks in (2, 16))
    assert few == many < 12


def test_frozen_parameters_get_no_gradient_and_the_others_theirs():
    network = ReversibleNetwork(3, 6, 2)
    frozen = network.branches[1].projection.weight.requires_grad_(False)
    network(torch.randn(9, 4, 3))[0].sum().backward()
    assert frozen.grad is None
    assert all(p.grad is not None for p in network.parameters() if p is not frozen)


def test_evaluation_keeps_nothing_and_a_second_derivative_is_refused():
    network = ReversibleNetwork(3, 6, 2)
    with torch.no_grad():
        assert not network(torch.randn(9, 4, 3))[0].requires_grad
    x = torch.randn(9, 4, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(network(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        grad.sum().backward()


@pytest.mark.parametrize("kind", [ReversibleNetwork, ResidualNetwork])
def test_wrong_options_are_refused(kind):
    with pytest.raises(ValueError, match="num_blocks is 0, expected at least 1"):
        kind(3, 6, 0)
    with pytest.raises(
        TypeError, match="recurrence is MinGRU, expected the class of a recurrence without a projection"
    ):
        kind(3, 6, 1, recurrence=MinGRU)
    with pytest.raises(TypeError, match="batch_first is not an option of networks"):
        kind(3, 6, 1, batch_first=True)
    with pytest.raises(ValueError, match="longest_memory needs norm_first=True in this network"):
        kind(3, 6, 1, recurrence=MinGRURecurrence, longest_memory=9)


def gradients_of(network, y):
    return torch.autograd.grad(y.square().sum(), list(network.parameters()))


@pytest.mark.parametrize("change", ["eval", "second call", "weights elsewhere"])
def test_backward_sees_what_forward_saw(change, monkeypatch):
    """Whatever happened to the network in between: its mode, its statistics, or weights that were not its own."""
    found = []
    for patched in (False, True):
        torch.manual_seed(0)
        network = ReversibleNetwork(3, 6, 2, dropout=0.5, norm="step", max_steps=9).double()
        if patched:
            monkeypatch.setattr(reversible, "couple", plainly)
        x, other = torch.randn(2, 9, 2, 3, dtype=torch.float64)
        weights = {n: p.detach() + 0.1 for n, p in network.named_parameters()}
        weights = {n: p.requires_grad_() for n, p in weights.items()}
        if change == "weights elsewhere":
            y, _ = torch.func.functional_call(network, weights, (x,))
            found.append(torch.autograd.grad(y.square().sum(), list(weights.values())))
            continue
        y, _ = network(x, lengths=torch.tensor([9, 4]))  # steps of one row are normalised by running statistics
        if change == "eval":
            network.eval()
        else:
            network(other, lengths=torch.tensor([9, 9]))
        found.append(gradients_of(network, y))
        assert network.training == (change != "eval")
    for a, e in zip(*found, strict=True):
        torch.testing.assert_close(a, e, rtol=1e-9, atol=1e-11)


def test_weights_that_changed_before_backward_are_an_error():
    network = ReversibleNetwork(3, 6, 2)
    y, _ = network(torch.randn(9, 4, 3))
    with torch.no_grad():
        network.branches[0].projection.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_whole_network_in_16_bits_and_on_meta():
    network = ReversibleNetwork(3, 6, 2).bfloat16()
    y, _ = network(torch.randn(9, 4, 3).bfloat16())
    y.float().square().sum().backward()
    assert y.dtype == torch.bfloat16 and all(p.grad.dtype == torch.bfloat16 for p in network.parameters())
    assert network.to("meta")(torch.randn(9, 4, 3, device="meta").bfloat16())[0].shape == (9, 4, 12)


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
@pytest.mark.parametrize("kind", [PlainNetwork, ReversibleNetwork, ResidualNetwork])
def test_first_memories_of_gates_are_in_the_norm(kind, name):
    recurrence = {"mingru": MinGRURecurrence, "minlstm": MinLSTMRecurrence}[name]
    network = kind(3, 2000, 2, recurrence=recurrence, norm_first=True, forget_bias=4.0)
    norms = [m.norm for m in network.modules() if isinstance(m, RecurrentBlock)]
    assert all((norm.batch_norm.bias[:2000] == (-4 if name == "mingru" else 4)).all() for norm in norms)


def test_a_branch_of_any_modules():
    """What reads random numbers and keeps statistics is replayed, whatever it is."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x, state):
            self.calls += 1
            return self.norm(self.linear(x) + torch.randn_like(x)), state

    branches = nn.ModuleList(Noisy() for _ in range(4)).double()
    x = torch.randn(2, 10, 4, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    a = reversible.couple(branches, *x, [None] * 4, {})
    grads = torch.autograd.grad(a[0].sin().sum() + a[1].cos().sum(), [x, *branches.parameters()])
    assert [branch.calls.item() for branch in branches] == [1, 1, 1, 1]
    torch.manual_seed(3)
    b = plainly(branches, *x, [None] * 4, {})
    expected = torch.autograd.grad(b[0].sin().sum() + b[1].cos().sum(), [x, *branches.parameters()])
    for one, other in zip([*a[:2], *grads], [*b[:2], *expected], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)
