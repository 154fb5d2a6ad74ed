"""Deep networks, norms, dropout and the forms of the bound."""

import math

import pytest
import torch
from torch import nn

from benchmarks.network import kept
from indrnn_cupy import (
    DenseNetwork,
    IndRNNRecurrence,
    PlainNetwork,
    RecurrentBlock,
    ResidualNetwork,
    SequenceBatchNorm,
    SequenceDropout,
    StepBatchNorm,
    clamp_recurrent_,
    recurrences,
    recurrent_penalty,
    spread_memory_,
)

BOUND = 5 ** (1 / 784)
NETWORKS = {
    "plain": lambda **options: PlainNetwork(3, 6, 3, **options),
    "residual": lambda **options: ResidualNetwork(3, 6, 2, **options),
    "dense": lambda **options: DenseNetwork(3, 2, (2, 1), 3, **options),
    "differences": lambda **options: DenseNetwork(3, 2, (2, 1), 3, differences=True, **options),
}
NORMS = {
    "batch": SequenceBatchNorm,
    "batch_first": lambda n: SequenceBatchNorm(n, batch_first=True),
    "step": lambda n: StepBatchNorm(n, 9),
    "step_first": lambda n: StepBatchNorm(n, 9, batch_first=True),
}


@pytest.mark.parametrize(
    ("network", "classes", "parameters"),
    [
        (PlainNetwork(1, 128, 6), 10, 86_410),
        (PlainNetwork(1, 128, 12), 10, 187_786),
        (DenseNetwork(1, 16), 10, 256_514),
        (PlainNetwork(150, 512, 6), 60, 1_430_588),
        (DenseNetwork(150, 48), 60, 2_314_428),
    ],
)
def test_parameters_are_as_many_as_published(network, classes, parameters):
    assert sum(p.numel() for p in network.parameters()) + (network.output_size + 1) * classes == parameters


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_the_last_recurrence_alone_begins_with_a_long_memory(make):
    *others, last = recurrences(make(bound=1.2))
    assert (last.weight >= 1 / 1.2).all() and (last.weight <= 1.2).all()
    assert any((r.weight < 0.5).any() for r in others) and not any(r.long_memory for r in others)


@pytest.mark.parametrize("norm", ["batch", "step", "layer", None])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_padding_changes_nothing(make, norm, norm_first):
    """Rows with lengths give what the rows give alone, in evaluation; padding reaches no output, gradient or norm."""
    options = {"norm": norm, "norm_first": norm_first, "max_steps": 8 if norm == "step" else None}
    network = make(**options).double()
    lengths = torch.tensor([8, 5, 1, 3])
    x = torch.randn(8, 4, 3, dtype=torch.float64)
    padding = (torch.arange(8)[:, None] >= lengths).unsqueeze(-1)
    outputs, gradients = [], []
    for value in (1e6, float("nan")):
        network.zero_grad()
        y, _ = network(x.masked_fill(padding, value), lengths=lengths)
        assert (y.masked_select(padding) == 0).all()
        y.square().sum().backward()
        outputs.append(y.detach())
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.equal(*outputs) and torch.equal(*gradients) and not gradients[0].isnan().any()
    network.eval()
    y, _ = network(x.masked_fill(padding, float("nan")), lengths=lengths)
    for row, length in enumerate(lengths):
        alone, _ = network(x[:length, row : row + 1])
        torch.testing.assert_close(y[:length, row : row + 1], alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", NORMS.values(), ids=NORMS)
@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 2, 7, 4, 7])])
def test_norms_equal_batch_norm_of_the_valid_numbers(make, lengths):
    """Against torch.nn.BatchNorm1d of a unit's valid numbers, of all steps or each: values, gradients, buffers."""
    norm = make(6).double()
    ours = norm.batch_norm
    nn.init.normal_(ours.weight), nn.init.normal_(ours.bias)
    x = (torch.randn(7, 5, 6, dtype=torch.float64) * 3 + 2).requires_grad_()
    valid = torch.ones(7, 5, dtype=bool) if lengths is None else torch.arange(7)[:, None] < lengths
    steps = [torch.arange(7)[:, None] == t for t in range(7)]
    groups = [valid & step for step in steps] if isinstance(norm, StepBatchNorm) else [valid]
    plain = [nn.BatchNorm1d(6, dtype=torch.float64) for _ in groups]
    first = norm.batch_first
    for _ in range(2):  # the second time from running statistics that have moved
        y = norm(x.transpose(0, 1) if first else x, lengths)
        y = y.transpose(0, 1) if first else y
        expected = torch.zeros_like(x)
        for module, group in zip(plain, groups, strict=True):
            module.weight, module.bias = nn.Parameter(ours.weight.detach()), nn.Parameter(ours.bias.detach())
            expected = expected.masked_scatter(group.unsqueeze(-1), module(x[group]))
        torch.testing.assert_close(y, expected)
        g = torch.randn_like(y)
        grads = torch.autograd.grad(y, (x, ours.weight, ours.bias), g)
        theirs = torch.autograd.grad(expected, (x, *(p for m in plain for p in (m.weight, m.bias))), g)
        torch.testing.assert_close(grads[0], theirs[0])
        torch.testing.assert_close(grads[1], sum(theirs[1::2]))
        torch.testing.assert_close(grads[2], sum(theirs[2::2]))
    shape = (-1, 6) if isinstance(norm, StepBatchNorm) else (6,)
    for name in ("running_mean", "running_var"):
        theirs = torch.stack([getattr(m, name) for m in plain]).reshape(shape)
        torch.testing.assert_close(getattr(ours, name)[: 7 if len(plain) > 1 else None], theirs)
    norm.eval(), [m.eval() for m in plain]
    y = norm(x.transpose(0, 1) if first else x, lengths)
    expected = torch.zeros_like(x)
    for module, group in zip(plain, groups, strict=True):
        expected = expected.masked_scatter(group.unsqueeze(-1), module(x[group]))
    torch.testing.assert_close(y.transpose(0, 1) if first else y, expected)


def test_a_step_of_one_row_is_normalised_by_its_running_statistics():
    norm = StepBatchNorm(3, 4)
    y = norm(torch.randn(4, 2, 3), torch.tensor([4, 2]))
    assert y.isfinite().all() and torch.equal(norm.batch_norm.running_mean[2:], torch.zeros(2, 3))
    assert not torch.equal(norm.batch_norm.running_mean[:2], torch.zeros(2, 3))


def test_a_sequence_longer_than_max_steps_is_refused():
    with pytest.raises(ValueError, match="5 steps, expected at most max_steps = 4"):
        StepBatchNorm(3, 4)(torch.randn(5, 2, 3))


@pytest.mark.parametrize("batch_first", [False, True])
def test_dropout_has_one_mask_for_all_steps(batch_first):
    x = torch.rand(50, 4, 30) + 1
    dropout = SequenceDropout(0.4, batch_first)
    y = dropout(x.transpose(0, 1)).transpose(0, 1) if batch_first else dropout(x)
    dropped = (y == 0).float().mean(0)
    assert set(dropped.unique().tolist()) == {0.0, 1.0} and 0.2 < dropped.mean() < 0.6
    torch.testing.assert_close(y[y != 0], (x / 0.6)[y != 0])
    assert torch.equal(SequenceDropout(0.4).eval()(x), x)


def test_forms_of_the_bound():
    network = PlainNetwork(3, 6, 2, bound=0.8)
    with torch.no_grad():
        for recurrence in recurrences(network):
            recurrence.weight.copy_(torch.tensor([-1.1, -0.8, 0.0, 0.5, 0.8, 1.2]))
    assert math.isclose(recurrent_penalty(network).item(), (2 * (0.3**2 + 0.4**2)) ** 0.5, rel_tol=1e-6)
    recurrent_penalty(network).backward()
    u = next(recurrences(network))
    assert (u.weight.grad[[0, 5]].sign() == torch.tensor([-1.0, 1.0])).all() and not u.weight.grad[1:5].any()
    clamped = IndRNNRecurrence(6, bound=0.8, clamp=True)
    clamped.load_state_dict(u.state_dict())
    x = torch.randn(9, 2, 6)
    inside = clamped(x)[0]
    clamp_recurrent_(network)
    assert torch.equal(u.weight, torch.tensor([-0.8, -0.8, 0.0, 0.5, 0.8, 0.8]))
    assert torch.equal(u(x)[0], inside)
    assert torch.equal(clamped.step(x[0], x[1])[0], u.step(x[0], x[1])[0])
    assert recurrent_penalty(network) == 0


def test_memories_are_spread_evenly_in_their_logarithm():
    u = torch.empty(20_000)
    spread_memory_(u, 784)
    memory = -1 / u.log()
    shares = torch.histc(memory.log(), bins=5, min=0, max=math.log(784)) / len(u)
    torch.testing.assert_close(shares, torch.full((5,), 0.2), rtol=0, atol=0.02)


def test_a_plain_layer_keeps_two_tensors_for_backward():
    """Its recurrence's states, and its output, which is the next projection's input."""
    T, B, H, layers = 32, 4, 16, 4
    network = PlainNetwork(H, H, layers, dropout=0.1, bound=1.01)
    x = torch.randn(T, B, H, requires_grad=True)
    assert kept(network, x, T * B * H) == 2 * layers


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="norm is 'group', expected 'batch', 'step', 'layer' or None"):
        RecurrentBlock(3, norm="group")
    with pytest.raises(ValueError, match="norm='step' needs max_steps"):
        RecurrentBlock(3, norm="step")
    with pytest.raises(ValueError, match="clamp needs a bound"):
        IndRNNRecurrence(3, clamp=True)
    with pytest.raises(ValueError, match="p is 1"):
        SequenceDropout(1)
    with pytest.raises(TypeError, match="bonud is not an option of IndRNNRecurrence, which has activation, bound"):
        PlainNetwork(3, 4, 2, bonud=1.0)


def test_step_norm_without_momentum_is_the_mean_of_the_steps_that_were_there():
    norm = StepBatchNorm(3, max_steps=4)
    norm.batch_norm.momentum = None
    for lengths in ([2, 2], [4, 4]):
        norm(torch.full((4, 2, 3), 5.0), torch.tensor(lengths))
    assert torch.equal(norm.batch_norm.running_mean, torch.full((4, 3), 5.0)) and not norm.batch_norm.running_var.any()
    assert norm.batch_norm.num_batches_tracked.tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("norm", [SequenceBatchNorm(3), StepBatchNorm(3, max_steps=4)], ids=lambda n: type(n).__name__)
def test_norms_refuse_lengths_of_other_rows_and_do_not_see_nan_in_padding(norm):
    x = torch.randn(4, 2, 3)
    with pytest.raises(ValueError, match=r"lengths has shape \(1,\), expected \(2,\) to match x"):
        norm(x, torch.tensor([3]))
    x[2:, 1] = float("nan")
    norm.eval()(x, torch.tensor([4, 2])).sum().backward()
    assert norm.batch_norm.weight.grad.isfinite().all()


def test_networks_without_layers_are_refused():
    with pytest.raises(ValueError, match="num_layers is 0, expected at least 1"):
        PlainNetwork(3, 4, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("scale", [3, 300])
def test_norms_in_16_bits_measure_in_float32(dtype, scale):
    """More steps than float16 counts, and squares that it does not hold."""
    x = (torch.randn(700, 100, 2) * scale + 4).to(dtype)
    norm, exact = SequenceBatchNorm(2).to(dtype), SequenceBatchNorm(2)
    y = norm(x, torch.full((100,), 700))
    torch.testing.assert_close(y.float(), exact(x.float()), rtol=0, atol=4 * torch.finfo(dtype).eps)
    torch.testing.assert_close(norm.batch_norm.running_mean.float(), exact.batch_norm.running_mean, rtol=0.01, atol=0.1)


@pytest.mark.parametrize("options", [{}, {"norm": "step", "max_steps": 3}], ids=str)
def test_a_frozen_norm_stays_as_it_is(options):
    network, x = PlainNetwork(2, 3, 1, **options), torch.randn(3, 4, 2) + 5
    norm = network.layers[0].block.norm
    norm.batch_norm.eval()
    torch.testing.assert_close(network(x)[0], network(x, lengths=[3, 3, 3, 3])[0])
    assert not norm.batch_norm.num_batches_tracked.any() and not norm.batch_norm.running_mean.any()


def test_norms_and_blocks_take_lists_and_empty_sequences():
    x = torch.randn(4, 2, 3)
    for module in (SequenceBatchNorm(3), StepBatchNorm(3, 4), RecurrentBlock(3), RecurrentBlock(3, norm="layer")):
        found = module(x, [4, 2]) if hasattr(module, "batch_norm") else module(x, lengths=[4, 2])[0]
        assert not found[2:, 1].any()
    with pytest.raises(ValueError, match="lengths range from 1 to 9, expected 0 to T = 4"):
        SequenceBatchNorm(3)(x, torch.tensor([1, 9]))
    assert PlainNetwork(3, 4, 2, dropout=0.5, norm=None)(x[:0])[0].shape == (0, 2, 4)
