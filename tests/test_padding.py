"""Whatever is in padding, NaN and infinities included, changes no output, gradient, statistic or weight."""

import math
import random

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import indrnn_cupy as package
from indrnn_cupy.functional.checks import flat

POISON = [math.nan, math.inf, -math.inf, 1e30]
RECURRENCES = [
    package.IndRNNRecurrence,
    package.IRevRNNRecurrence,
    package.MinGRURecurrence,
    package.MinLSTMRecurrence,
    package.EGRURecurrence,
]


def random_module(rng, norms):
    """A layer or a network with random options, and whether it takes the batch first."""
    kind, batch_first = rng.randrange(6), False
    if kind < 2:
        layer = rng.choice([package.IndRNN, package.IRevRNN, package.MinGRU, package.MinLSTM, package.EGRU])
        batch_first = rng.random() < 0.5
        options = {"num_layers": rng.randint(1, 2), "bidirectional": rng.random() < 0.5, "batch_first": batch_first}
        return layer(3, rng.randint(1, 5), **options), batch_first
    options = {"recurrence": rng.choice(RECURRENCES), "norm": rng.choice(norms), "norm_first": rng.random() < 0.5}
    options["max_steps"] = 9 if options["norm"] == "step" else None
    H = rng.randint(1, 5)
    makers = [
        lambda: package.PlainNetwork(3, H, rng.randint(1, 3), **options),
        lambda: package.ResidualNetwork(3, H, 1, **options),
        lambda: package.DenseNetwork(3, 2, (1, 1), 2, differences=rng.random() < 0.5, **options),
        lambda: package.ReversibleNetwork(3, H, 1, **options),
    ]
    return makers[kind - 2](), batch_first


def random_batch(rng):
    T, B = rng.randint(1, 9), rng.randint(1, 4)
    lengths = torch.tensor([rng.randint(0, T) for _ in range(B)])
    x, resets = torch.randn(T, B, 3, dtype=torch.float64), torch.rand(T, B) < 0.2
    padding = torch.arange(T)[:, None] >= lengths
    poison = torch.tensor([rng.choice(POISON) for _ in range(T * B * 3)], dtype=torch.float64).view_as(x)
    return x, torch.where(padding[..., None], poison, x), lengths, resets if rng.random() < 0.5 else None


def results(module, outputs, x, weights):
    """The outputs, the gradients of a random sum of them, and what the module keeps."""
    wanted = [x, *module.parameters()]
    loss = sum((o.sin() * w).sum() for o, w in zip(outputs, weights, strict=True))
    grads = torch.autograd.grad(loss, wanted, materialize_grads=True, allow_unused=True)
    return [*(o.detach() for o in outputs), *grads, *(b.clone() for b in module.buffers())]


def unpacked(part, batch_first, T):
    if isinstance(part, PackedSequence):
        return pad_packed_sequence(part, batch_first, total_length=T)[0]
    return tuple(unpacked(each, batch_first, T) for each in part)


def run(module, x, lengths, resets, batch_first, packed):
    """Every sequence that a module gives, (T, B, ...), and every state."""
    T = len(x)
    if batch_first:
        x, resets = x.transpose(0, 1), None if resets is None else resets.transpose(0, 1)
    if packed:
        *outputs, state = module(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False))
        outputs = unpacked(outputs, batch_first, T)
    else:
        *outputs, state = module(x, lengths=lengths, resets=resets)
    return [o.transpose(0, 1) if batch_first else o for o in flat(outputs)], list(flat([state]))


def check_rows_alone(seed):
    """In evaluation a padded batch gives what each row gives alone, and its gradients are the sums of theirs."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    module, batch_first = random_module(rng, ["batch", "step", "layer", None])
    module = module.double().eval()
    _, x, lengths, resets = random_batch(rng)
    packed = resets is None and lengths.min() > 0 and rng.random() < 0.5
    x.requires_grad_()
    sequences, states = run(module, x, lengths, resets, batch_first, packed)
    weights = [torch.randn_like(o) for o in (*sequences, *states)]
    actual = results(module, [*sequences, *states], x, weights)
    rows = []
    for row, n in enumerate(lengths.tolist()):
        part = slice(row, row + 1)
        alone, last = run(module, x[:n, part], None, None if resets is None else resets[:n, part], batch_first, False)
        rows.append([torch.cat((y, y.new_zeros(len(x) - n, *y.shape[1:]))) for y in alone] + last)
    batch = [1] * len(sequences) + [1 if isinstance(module, package.layers.stack.RecurrentStack) else 0] * len(states)
    joined = [torch.cat(parts, dim) for parts, dim in zip(zip(*rows, strict=True), batch, strict=True)]
    for a, e in zip(actual, results(module, joined, x, weights), strict=True):
        torch.testing.assert_close(a, e, rtol=1e-11, atol=1e-12)


def check_training(seed):
    """In training, with statistics of the batch, a batch gives the same to the bit whatever is in its padding."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    module, batch_first = random_module(rng, ["batch", "step", "layer", None])
    module = module.double()
    clean, poisoned, lengths, resets = random_batch(rng)
    before = {name: b.clone() for name, b in module.named_buffers()}
    found = []
    for x in (clean, poisoned):
        for name, b in module.named_buffers():
            b.copy_(before[name])
        x = x.clone().requires_grad_()
        torch.manual_seed(seed)
        sequences, states = run(module, x, lengths, resets, batch_first, False)
        found.append(results(module, [*sequences, *states], x, [torch.ones_like(o) for o in (*sequences, *states)]))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b) and a.isfinite().all()


@pytest.mark.parametrize("check", [check_rows_alone, check_training])
@pytest.mark.parametrize("seed", range(5))
def test_random_modules(check, seed):
    for case in range(10):
        check(10 * seed + case)


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_rows_alone, check_training])
def test_500_random_modules(check):
    for seed in range(500):
        check(seed)


@pytest.mark.parametrize("module", [package.SequenceBatchNorm(3), package.StepBatchNorm(3, 9)], ids=str)
def test_norms_by_themselves(module):
    _, poisoned, lengths, _ = random_batch(random.Random(4))
    y = module.double()(poisoned.requires_grad_(), lengths)
    y.sum().backward()
    assert y.isfinite().all() and all(p.grad.isfinite().all() for p in (poisoned, *module.parameters()))


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("norm", ["batch", "layer", None])
def test_blocks_by_themselves(norm, norm_first):
    _, poisoned, lengths, _ = random_batch(random.Random(4))
    block = package.RecurrentBlock(3, norm=norm, norm_first=norm_first).double()
    y, h_n = block(poisoned.requires_grad_(), lengths=lengths)
    (y.sum() + h_n.sum()).backward()
    assert y.isfinite().all() and all(p.grad.isfinite().all() for p in (poisoned, *block.parameters()))
    assert package.with_differences(poisoned, lengths).isfinite().all()
