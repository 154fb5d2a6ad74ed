"""Lengths, resets, direction and type of sequences: values and every gradient against the reference."""

import itertools

import pytest
import torch
from closeness import assert_close

from indrnn_cupy.check.recurrences import RECURRENCES, with_gradients
from indrnn_cupy.ops.sequence import TYPES

pytestmark = pytest.mark.usefixtures("device")


def steps(T, B):
    """Lengths with the extremes among them, and resets at the first step, the last, and some between."""
    lengths = torch.randint(0, T + 1, (B,))
    lengths[0], lengths[-1] = T, 0
    resets = torch.rand(T, B) < 0.2
    resets[0, 1:3], resets[-1, 2:4] = True, True
    return lengths, resets


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_lengths_resets_and_direction(recurrence, dtype):
    T, B, H = 13, 7, 70
    inputs = recurrence.make_inputs(T, B, H, dtype)
    lengths, resets = steps(T, B)
    for with_lengths, with_resets, reverse in itertools.product([False, True], repeat=3):
        options = {
            "lengths": lengths if with_lengths else None,
            "resets": resets if with_resets else None,
            "reverse": reverse,
        }
        actual = with_gradients(recurrence.function, inputs, **options)
        assert_close(actual, with_gradients(recurrence.reference, inputs, **options))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_padding_is_neither_read_nor_reached(recurrence):
    T, B, H = 9, 5, 20
    inputs = recurrence.make_inputs(T, B, H, torch.float64)
    lengths = torch.tensor([9, 4, 0, 1, 7])
    padding = torch.arange(T).unsqueeze(1) >= lengths
    poisoned = tuple(t.masked_fill(padding.unsqueeze(2), float("nan")) if t.dim() == 3 else t for t in inputs)
    clean = with_gradients(recurrence.function, inputs, lengths=lengths)
    for a, b in zip(clean, with_gradients(recurrence.function, poisoned, lengths=lengths), strict=True):
        assert torch.equal(a, b)
    assert (clean[0][padding] == 0).all()
    sequence_gradients = [g for g, t in zip(clean[-len(inputs) :], inputs, strict=True) if t.dim() == 3]
    assert all((g[padding] == 0).all() for g in sequence_gradients)


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_each_row_is_the_sequence_alone(recurrence):
    inputs = recurrence.make_inputs(9, 3, 20, torch.float32)
    lengths = torch.tensor([9, 4, 6])
    y, *last = recurrence.function(*inputs, lengths=lengths, reverse=True)
    # torch's matrix products, of which the dense form is made, round by the number of rows
    equal = torch.allclose if recurrence.form == "dense" else torch.equal
    parameters, states = inputs[: -recurrence.states], inputs[-recurrence.states :]
    for row, n in enumerate(lengths.tolist()):
        alone = [t[:n, row : row + 1].flip(0) if t.dim() == 3 else t for t in parameters]
        alone += [state[row : row + 1] for state in states]
        y_row, *last_row = recurrence.function(*alone)
        assert equal(y[:n, row : row + 1], y_row.flip(0))
        assert all(equal(a[row : row + 1], b) for a, b in zip(last, last_row, strict=True))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_reset_begins_a_new_sequence(recurrence):
    inputs = recurrence.make_inputs(10, 2, 20, torch.float32)
    resets = torch.zeros(10, 2, dtype=torch.bool)
    resets[4] = True
    y, *last = recurrence.function(*inputs, resets=resets)
    first, *_ = recurrence.function(*(t[:4] if t.dim() == 3 else t for t in inputs))
    fresh = [t[4:] if t.dim() == 3 else t for t in inputs[: -recurrence.states]]
    second, *states = recurrence.function(*fresh)
    assert torch.equal(y, torch.cat([first, second]))
    assert all(torch.equal(a, b) for a, b in zip(last, states, strict=True))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_resets_with_batch_first(recurrence):
    inputs = recurrence.make_inputs(8, 4, 10, torch.float64)
    lengths, resets = steps(8, 4)
    swapped = tuple(t.transpose(0, 1).contiguous() if t.dim() == 3 else t for t in inputs)
    y, *states = recurrence.function(*inputs, lengths=lengths, resets=resets)
    other, *others = recurrence.function(*swapped, lengths=lengths, resets=resets.t().contiguous(), batch_first=True)
    assert torch.equal(y, other.transpose(0, 1))
    assert all(torch.equal(a, b) for a, b in zip(states, others, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_16_bit_sequences_beside_float32_parameters(recurrence, dtype):
    mixed = tuple(t if t.dim() == 3 else t.float() for t in recurrence.make_inputs(30, 4, 50, dtype))
    actual = with_gradients(recurrence.function, mixed)
    assert_close(actual, with_gradients(recurrence.reference, mixed), dtype)
    assert [t.dtype for t in actual[-len(mixed) :]] == [t.dtype for t in mixed]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_16_bit_conversion_is_that_of_torch(dtype):
    """Every 16-bit number through the identity comes back; floats round as torch rounds them."""
    from indrnn_cupy import functional as F

    every = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(dtype)
    y, _ = F.indrnn(every.view(1, 1, -1), torch.zeros(2**16), activation="identity")
    torch.testing.assert_close(y.flatten(), every, rtol=0, atol=0, equal_nan=True)
    bits = torch.randint(-(2**31), 2**31, (2**20,)).to(torch.int32)
    between = (every[:-1].float() + every[1:].float()) / 2  # ties
    floats = torch.cat([bits.view(torch.float32), between])
    floats = floats[floats.isfinite()]
    n = len(floats)
    zeros = torch.zeros(1, 1, n, dtype=dtype)
    ones = torch.ones(n)
    h0 = floats.view(1, n)
    y, _ = F.indrnn(zeros, ones, h0, activation="identity")
    torch.testing.assert_close(y.flatten(), floats.to(dtype), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_16_bit_outputs_are_the_float32_ones_rounded_once(recurrence, dtype):
    inputs = [t.to(dtype).float() for t in recurrence.make_inputs(50, 4, 70, torch.float32)]
    rounded = recurrence.function(*(t.to(dtype) for t in inputs))
    for a, b in zip(rounded, recurrence.function(*inputs), strict=True):
        assert torch.equal(a, b.to(dtype))
