"""Values and every gradient of the compiled kernels against the reference, in every layout."""

import pytest
import torch
from closeness import assert_close

from indrnn_cupy.check.recurrences import RECURRENCES, with_gradients
from indrnn_cupy.ops import cpu

pytestmark = pytest.mark.usefixtures("device")

SHAPES = [(7, 3, 5), (20, 33, 130), (1, 1, 1), (5, 4, 64), (9, 70, 200), (3, 2, 2500), (300, 2, 128)]


def contiguous(x):
    return x


def permuted(x):
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def sliced(x):
    wide = x.new_full((x.shape[0] + 2, 2 * x.shape[1], x.shape[2] + 3), float("nan"))
    part = wide[1:-1, ::2, 2:-1]
    return part.copy_(x)


def spread(x):
    """Hidden units that do not lie side by side."""
    return x.permute(2, 0, 1).contiguous().permute(1, 2, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_matches_reference(recurrence, shape, dtype):
    inputs = recurrence.make_inputs(*shape, dtype)
    assert_close(with_gradients(recurrence.function, inputs), with_gradients(recurrence.reference, inputs))


@pytest.mark.parametrize("layout", [permuted, sliced, spread])
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_any_strides_give_the_same_bits(recurrence, layout):
    inputs = recurrence.make_inputs(11, 6, 70, torch.float32)
    moved = tuple(layout(t) if t.dim() == 3 else t for t in inputs)
    for a, b in zip(
        with_gradients(recurrence.function, inputs), with_gradients(recurrence.function, moved), strict=True
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("strides", [(20, 1, 1), (1, 1, 1), (7, 1, 1), (0, 0, 1), (1, 20, 1)], ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_windows_that_overlap(recurrence, strides):
    sequence, *rest = recurrence.make_inputs(2, 5, 16, torch.float32)
    windows = torch.randn(200).as_strided(sequence.shape, strides)
    actual = with_gradients(recurrence.function, (windows, *rest))
    assert actual[0].stride(-1) == 1
    assert_close(actual, with_gradients(recurrence.reference, (windows, *rest)))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_batch_first_is_a_transposition(recurrence):
    inputs = recurrence.make_inputs(9, 5, 33, torch.float64)
    swapped = tuple(t.transpose(0, 1).contiguous() if t.dim() == 3 else t for t in inputs)
    y, *states = recurrence.function(*inputs)
    y_swapped, *states_swapped = recurrence.function(*swapped, batch_first=True)
    assert y_swapped.is_contiguous()
    assert torch.equal(y, y_swapped.transpose(0, 1))
    assert all(torch.equal(a, b) for a, b in zip(states, states_swapped, strict=True))


@pytest.mark.parametrize("shape", [(0, 3, 5), (4, 0, 5), (4, 3, 0)], ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_empty(recurrence, shape):
    inputs = recurrence.make_inputs(*shape, torch.float32)
    assert_close(with_gradients(recurrence.function, inputs), with_gradients(recurrence.reference, inputs))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_same_bits_twice_and_for_any_number_of_threads(recurrence):
    for shape in ((40, 33, 100), (3, 50_000, 1)):
        inputs, runs = recurrence.make_inputs(*shape, torch.float32), []
        for threads in (2, 2, 2 if recurrence.name == "egru" else 1):  # torch's matrix product may depend on it
            torch.set_num_threads(threads)
            runs.append(with_gradients(recurrence.function, inputs))
        torch.set_num_threads(2)
        for other in runs[1:]:
            assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_gradient_of_the_last_state_alone(recurrence):
    x, *rest = recurrence.make_inputs(12, 4, 20, torch.float64)
    grads = []
    for function in (recurrence.function, recurrence.reference):
        leaves = [t.clone().requires_grad_() for t in (x, *rest)]
        last = function(*leaves)[1].square().sum()
        grads.append(torch.autograd.grad(last, leaves, materialize_grads=True))
    assert_close(*grads)


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_outputs_that_leave_the_cache(recurrence, monkeypatch):
    inputs = recurrence.make_inputs(6, 5, 200, torch.float32)
    cached = with_gradients(recurrence.function, inputs)
    monkeypatch.setattr(cpu, "STREAM_BYTES", 0)
    for a, b in zip(cached, with_gradients(recurrence.function, inputs), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_nan_and_infinity_come_through(recurrence):
    x, *rest = recurrence.make_inputs(6, 1, 8, torch.float32)
    x[2, 0, 1] = float("nan")
    x[2, 0, 2], x[2, 0, 3] = float("inf"), -float("inf")
    actual, expected = recurrence.function(x, *rest)[0], recurrence.reference(x, *rest)[0]
    torch.testing.assert_close(actual, expected, equal_nan=True)
    assert actual[2:, 0, 1].isnan().all()
