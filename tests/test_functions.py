"""The mathematical functions of kernels: errors as stated, every kind of number, the same bits from both compilers."""

import numpy as np
import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy import use_kernels
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.runtime.source import KERNELS

ULP = {"exp": 1.2, "expm1": 2.3, "log": 0.9, "log1p": 1.5, "softplus": 2.0}  # that kernels/functions.cuh states
EXACT = {"softplus": lambda x: np.logaddexp(np.longdouble(0), x)}
INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}


@pytest.fixture(params=ULP)
def function(request, tmp_path):
    """The function of a kernel, applied to every number of a tensor, and its name."""
    text = (KERNELS / "indrnn.cu").read_text()
    changed = text.replace("activation(fma(u, h, x))", f"{request.param}(x)")
    assert changed != text
    (tmp_path / "indrnn.cu").write_text(changed)
    with use_kernels(tmp_path):
        yield lambda x: F.indrnn(x.view(1, 1, -1), torch.zeros_like(x))[0].flatten(), request.param


def special(dtype):
    """Zeros, infinities, NaN, the largest and smallest numbers, where functions overflow or change their form."""
    info = torch.finfo(dtype)
    values = [0.0, 1.0, 2.0**-1, np.log(2), np.log(2) / 2, np.sqrt(0.5), 3.0, 1e-10, info.eps, info.eps / 2, info.max]
    values += [info.tiny, info.tiny / 8, info.smallest_normal, float("inf"), float("nan"), -np.log(info.tiny)]
    edges = torch.tensor([np.log(info.max), -np.log(info.tiny), -np.log(info.tiny * info.eps), 1.0, 40.0], dtype=dtype)
    bits = edges.view(INTEGERS[dtype])[:, None] + torch.arange(-40, 40, dtype=INTEGERS[dtype])
    values = torch.cat((torch.tensor(values, dtype=dtype), bits.flatten().view(dtype)))
    return torch.cat((values, -values))


def samples(dtype, count):
    bits = torch.randint(torch.iinfo(INTEGERS[dtype]).min, torch.iinfo(INTEGERS[dtype]).max, (count,))
    every = bits.to(INTEGERS[dtype]).view(dtype)
    near = torch.rand(3, count, dtype=dtype) * torch.tensor([2.0, 200.0, 1600.0], dtype=dtype)[:, None]
    return torch.cat((special(dtype), every, (near - near.new_tensor([1.0, 100.0, 800.0])[:, None]).flatten()))


def assert_exact(name, x, y):
    exact = EXACT.get(name, getattr(np, name, None))
    with np.errstate(all="ignore"):
        expected = exact(x.numpy().astype(np.longdouble))
        rounded = torch.from_numpy(expected.astype(x.numpy().dtype))
    unusual = ~rounded.isfinite() | ~y.isfinite()
    torch.testing.assert_close(y[unusual], rounded[unusual], rtol=0, atol=0, equal_nan=True)
    tiny, digits = torch.finfo(x.dtype).tiny, 23 if x.dtype == torch.float32 else 52
    exponent = torch.frexp(rounded.abs().clamp(min=tiny)).exponent.numpy() - 1 - digits
    usual = ~unusual.numpy()
    error = np.abs(y.numpy()[usual] - expected[usual]) / np.ldexp(np.longdouble(1), exponent[usual])
    assert error.max() <= ULP[name]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_errors_are_as_stated(function, dtype):
    apply, name = function
    x = samples(dtype, 300_000)
    assert_exact(name, x, apply(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_gpu_gives_the_same_bits_denormals_aside(function, dtype):
    apply, _ = function
    x = samples(dtype, 500)
    with interpreted():
        on_gpu = apply(x)
    on_cpu, tiny = apply(x), torch.finfo(dtype).tiny
    normal = (x == 0) | ((x.abs() >= tiny) & ((on_cpu == 0) | (on_cpu.abs() >= tiny)))
    assert torch.equal(on_gpu[normal].view(INTEGERS[dtype]), on_cpu[normal].view(INTEGERS[dtype]))
    normal |= on_cpu.isnan() & ((x.abs() >= tiny) | x.isnan())
    assert torch.equal(on_gpu.isnan()[normal], on_cpu.isnan()[normal])


@pytest.mark.slow
def test_every_number_of_float32(function):
    apply, name = function
    for first in range(-(2**31), 2**31, 1 << 23):
        x = torch.arange(first, first + (1 << 23)).to(torch.int32).view(torch.float32)
        assert_exact(name, x, apply(x))
