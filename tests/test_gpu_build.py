"""The GPU build without a GPU: NVRTC compiles every kernel for every architecture; its PTX runs in an interpreter."""

import contextlib
import re
import types

import pytest
import torch
from emulated_gpu import nvrtc, stand_in_cupy
from recurrences import RECURRENCES, with_gradients

from indrnn_cupy.ops import recurrence as shared
from indrnn_cupy.runtime import cuda, use_kernels
from indrnn_cupy.runtime.errors import KernelCompileError

ARCHITECTURES = ["sm_75", "sm_80", "sm_90", "sm_100", "sm_120"]
DTYPES = list(shared.TYPES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("resets", [False, True], ids=["", "resets"])
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_compiles_without_spills(recurrence, resets, dtype, architecture):
    defines = [f"-D{d}" for d in shared.gpu_defines(dtype, resets) + recurrence.defines]
    for source in {kernel.source()[0] for kernel in recurrence.kernels}:
        code, log = nvrtc.compile(source, architecture, (*cuda.FLAGS, *defines, "--ptxas-options=-v"))
        assert code
        functions = re.findall(r"properties for (\w+)\D+(\d+) bytes stack frame, (\d+) bytes spill stores", log)
        assert {name for name, *_ in functions} == {kernel.name for kernel in recurrence.kernels}
        assert all(stack == spill == "0" for _, stack, spill in functions)
        assert "warning" not in log


@pytest.fixture
def emulated_gpu(monkeypatch):
    """Sends every launch through the project's CUDA launcher to the interpreter; gives the log of launches."""
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: types.SimpleNamespace(__cuda_stream__=lambda: (0, 7)))
    monkeypatch.setattr(shared, "launch_on_host", shared.launch_on_gpu)

    def forget():
        cuda.load.cache_clear()
        cuda._module.cache_clear()

    with stand_in_cupy.installed() as log:
        forget()
        yield log
        forget()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(34, 3, 5), (70, 1, 40)], ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_interpreted_ptx_gives_the_bits_of_the_cpu(recurrence, shape, dtype, emulated_gpu, monkeypatch):
    T, B, _ = shape
    inputs = recurrence.make_inputs(*shape, dtype)
    options = (
        {"lengths": torch.arange(T, T - B, -1), "resets": torch.rand(T, B) < 0.1, "reverse": True} if B > 1 else {}
    )
    on_gpu = with_gradients(recurrence.function, inputs, **options)
    assert [launch.name for launch in emulated_gpu] == [kernel.name for kernel in recurrence.kernels]
    assert all(launch.stream == 7 for launch in emulated_gpu)
    monkeypatch.undo()
    on_cpu = with_gradients(recurrence.function, inputs, **options)
    assert all(torch.equal(a, b) for a, b in zip(on_gpu, on_cpu, strict=True))


@pytest.mark.parametrize("recurrence", RECURRENCES[:1], ids=str)
def test_interpreted_ptx_takes_any_strides(recurrence, emulated_gpu):
    inputs = recurrence.make_inputs(9, 3, 6, torch.float32)
    expected = with_gradients(recurrence.function, inputs)
    x, *rest = inputs
    wide = torch.full((9, 3, 10), float("nan"))
    sliced = wide[..., 2:8].copy_(x)
    permuted = x.transpose(0, 1).contiguous().transpose(0, 1)
    for moved in (sliced, permuted):
        actual = with_gradients(recurrence.function, (moved, *rest))
        assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_indrnn_moves_each_number_once(emulated_gpu):
    T, B, H = 70, 2, 32
    with_gradients(RECURRENCES[0].function, RECURRENCES[0].make_inputs(T, B, H, torch.float32))
    forward, backward = (launch.stats for launch in emulated_gpu)
    sequence, state, weight = 4 * T * B * H, 4 * B * H, 4 * B * H  # a block of each row reads the weight
    assert forward["global_load_bytes"] == sequence + state + weight  # x, h0, u
    assert forward["global_store_bytes"] == sequence + state  # y, h_n
    assert backward["global_load_bytes"] == 2 * sequence + 2 * state + weight  # grad_y, y, grad_h_n, h0, u
    assert backward["global_store_bytes"] == sequence + 2 * state  # grad_x, grad_weight, grad_h0


def test_error_of_nvrtc_names_file_and_line(emulated_gpu, tmp_path):
    from indrnn_cupy.runtime import source

    text = (source.KERNELS / "indrnn.cu").read_text()
    line = 1 + text[: text.index("weight, 0)")].count("\n")
    (tmp_path / "indrnn.cu").write_text(text.replace("weight, 0)", "weigth, 0)"))
    recurrence = RECURRENCES[0]
    with use_kernels(tmp_path), pytest.raises(KernelCompileError, match=rf"indrnn\.cu\({line}\): error"):
        recurrence.function(*recurrence.make_inputs(2, 2, 2, torch.float32))
