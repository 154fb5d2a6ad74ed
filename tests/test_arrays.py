"""NumPy arrays in and out of every function; CuPy's on a GPU."""

import numpy as np
import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy.check.recurrences import FIRST
from indrnn_cupy.functional.checks import flat


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_arrays_give_the_numbers_of_tensors(recurrence, dtype):
    inputs = recurrence.make_inputs(7, 3, 5, dtype)
    options = {"lengths": torch.tensor([7, 0, 4]), "resets": torch.rand(7, 3) < 0.3, "reverse": True}
    function = getattr(F, recurrence.name)
    expected = [*flat(function(*inputs, **recurrence.options, **options))]
    as_arrays = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
    outputs = function(*(t.numpy() for t in inputs), **recurrence.options, **as_arrays)
    assert isinstance(outputs, tuple) and isinstance(outputs[0], np.ndarray)
    flattened = [*flatten(outputs)]
    assert len(flattened) == len(expected)
    for a, e in zip(flattened, expected, strict=True):
        assert type(a) is np.ndarray and np.array_equal(a, e.numpy()) and a.dtype == e.numpy().dtype


def flatten(outputs):
    for output in outputs:
        yield from flatten(output) if isinstance(output, tuple) else (output,)


def test_views_that_torch_does_not_know():
    x, u = np.random.default_rng(0).standard_normal((6, 2, 4)), np.full(4, 0.5)
    expected, _ = F.indrnn(x[::-1].copy(), u)
    assert np.array_equal(F.indrnn(x[::-1], u)[0], expected)
    x.flags.writeable = False
    assert np.array_equal(F.indrnn(x, u, batch_first=True)[0], F.indrnn(x.copy(), u, batch_first=True)[0])
    assert np.array_equal(F.indrnn(x, torch.from_numpy(u))[0], F.indrnn(x, u)[0])  # a tensor beside it


def test_the_first_argument_decides():
    x, u = torch.randn(3, 2, 4), np.ones(4, np.float32)
    y, _ = F.indrnn(activation="relu", weight=u, x=x.numpy())
    assert type(y) is np.ndarray
    y, _ = F.indrnn(lengths=np.array([3, 1]), weight=torch.ones(4, requires_grad=True), x=x)
    assert isinstance(y, torch.Tensor) and y.requires_grad


def test_no_gradients_and_the_same_errors():
    x = np.ones((3, 2, 4), np.float32)
    y, _ = F.indrnn(x, torch.ones(4, requires_grad=True))
    assert type(y) is np.ndarray
    with pytest.raises(ValueError, match=r"weight has shape \(3,\), expected \(4,\)"):
        F.indrnn(x, np.ones(3, np.float32))
    with pytest.raises(TypeError, match="x is a MaskedArray, expected"):
        F.indrnn(np.ma.masked_array(x), x[0, 0])
    with pytest.raises(TypeError, match=r"an array of >f4 is not supported: .*; convert it, for example to float32"):
        F.indrnn(x.astype(">f4"), x[0, 0])
    with pytest.raises(TypeError, match=r"x is torch\.int64, expected one of"):
        F.indrnn(np.ones((3, 2, 4), np.int64), x[0, 0])
    with pytest.raises(TypeError, match=r"x is a list, expected a torch\.Tensor, or a NumPy or CuPy array, \(T"):
        F.indrnn([1.0], x[0, 0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_cupy_arrays(recurrence):
    import cupy

    inputs = [t.cuda() for t in recurrence.make_inputs(7, 3, 5, torch.float32)]
    function = getattr(F, recurrence.name)
    expected = [*flat(function(*inputs, **recurrence.options))]
    outputs = function(*(cupy.from_dlpack(t) for t in inputs), **recurrence.options)
    for a, e in zip(flatten(outputs), expected, strict=True):
        assert isinstance(a, cupy.ndarray) and torch.equal(torch.from_dlpack(a), e)
