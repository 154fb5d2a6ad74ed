"""The launcher beside CuPy: streams, what is asked of torch, the largest grids, and a CuPy that lacks something."""

import errno
import re
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock, patch

import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy.check.emulated_gpu import compile, installed, stand_in_cupy
from indrnn_cupy.check.emulated_gpu.machine import MAX_GRID
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import FIRST, with_gradients
from indrnn_cupy.ops import egru_forms, gpu
from indrnn_cupy.ops.cell_kernels import kernels
from indrnn_cupy.ops.cells import cell_of
from indrnn_cupy.runtime import CompilerMissingError, cuda, missing
from indrnn_cupy.runtime.bridge import Stream

INDRNN = kernels(cell_of("indrnn ACTIVATION=Relu")).forward
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU nothing is missing")


@pytest.mark.parametrize("handle", [0, 0x5555], ids=["default stream", "side stream"])
def test_torch_is_asked_for_no_synchronization(handle, monkeypatch):
    """Else it waits between streams for each tensor, and refuses a default stream for each thread (2)."""
    asked, export = [], torch.Tensor.__dlpack__

    def recorded(tensor, **options):
        asked.append(options)
        return export(tensor, **options)

    monkeypatch.setattr(torch.Tensor, "__dlpack__", recorded)
    recurrence = FIRST[0]
    with interpreted() as launches:
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=handle))
        with_gradients(recurrence.function, recurrence.make_inputs(3, 2, 4, torch.float32))
    assert len(asked) > 10 and all(options == {"stream": -1} for options in asked)
    assert [launch.stream for launch in launches] == [handle, handle]


@pytest.mark.parametrize("handle", [0, 0x5555])
def test_cupy_takes_a_stream_of_a_torch_before_2_10(handle):
    import cupy

    stream = SimpleNamespace(cuda_stream=handle)
    with pytest.raises(TypeError, match="does not implement the CUDA stream protocol"):
        cupy.cuda.Stream.from_external(stream)
    assert cupy.cuda.Stream.from_external(Stream(stream)).ptr == handle


@pytest.mark.parametrize("T", [65536, 131070, 131071, 10_000_019])
def test_the_smallest_chunk_is_named(T):
    gates = torch.zeros(1, 1, 2).expand(T, 1, 2)
    with interpreted() as launches, pytest.raises(ValueError, match=f"chunk is 1, which cuts T = {T} steps") as error:
        F.mingru(gates, chunk=1)
    assert not launches
    chunk = int(re.search(r"use a chunk of (\d+) or more", str(error.value))[1])
    assert -(-T // chunk) <= 65535 < -(-T // (chunk - 1))
    with patch.object(cuda, "launch") as launch, interpreted():
        F.mingru(gates, chunk=chunk)
    grids = [call.args[2] for call in launch.call_args_list]
    assert grids == [(1, 1, -(-T // chunk)), (1, 1, 1), (1, 1, -(-T // chunk))]


@pytest.mark.parametrize(
    ("kernel", "shape", "message"),
    [
        (INDRNN, (1, 2**31, 1), r"B is 2147483648, expected at most 2147483647 rows"),
        (egru_forms.FORWARD, (1, 2**32 + 5, 1), r"B is 4294967301, expected at most 2147483647 rows"),
        (INDRNN, (1, 1, 65535 * 32 + 1), r"H is 2097121, expected at most 2097120 hidden units"),
    ],
)
def test_a_batch_and_a_width_beyond_the_grid_are_refused(kernel, shape, message):
    with pytest.raises(ValueError, match=message):
        gpu.grid(kernel, *shape, 0)


def test_the_largest_grids_are_those_that_the_emulated_gpu_takes():
    rows, unit_blocks, chunks = MAX_GRID
    assert gpu.grid(INDRNN, 3 * chunks, rows, 32 * unit_blocks, 3) == MAX_GRID
    assert gpu.grid(egru_forms.FORWARD, 9, rows, 10**7, 0) == (rows, 1, 1)


WITHOUT = """
import torch, cupy
from unittest.mock import patch
from cuda import pathfinder
from indrnn_cupy.runtime import cuda, missing

print(missing("cuda"))
def tried(call):
    try:
        with cuda.explained("kernel.cu"): call()
    except cuda.CompilerMissingError as error: print(error)
tried(lambda: cupy.RawModule(code="", options=()).get_function("k"))
with patch.object(pathfinder, "find_nvidia_header_directory", lambda _: None):
    tried(lambda: cupy._core.core.assemble_cupy_compiler_options(()))
"""


@without_gpu
def test_what_cupy_lacks_is_said_with_a_remedy():
    """In CuPy's own words, from the places where its compilation first needs each part."""
    find = "import cuda.pathfinder as p, sys\n"
    find += "def load(name): raise p.DynamicLibNotFoundError(f'Failure finding \"lib{name}.so\"')\n"
    find += "p.load_nvidia_dynamic_lib = load\n"
    done = subprocess.run([sys.executable, "-c", find + WITHOUT], capture_output=True, text=True, check=True)
    nvrtc, driver, headers = done.stdout.splitlines()
    assert re.search(r'Failure finding "libnvrtc.so".*pip install .cupy-cuda1[23]x\[ctk\]>=14. brings NVRTC', nvrtc)
    assert re.search(r"InsufficientDriver.*: update the NVIDIA driver, or install the CuPy of torch's CUDA", driver)
    assert re.search(r"Failed to find CUDA headers.*pip install .cupy-cuda1[23]x\[ctk\]>=14. brings", headers)


def test_what_a_gpu_s_first_kernel_finds_missing_lets_the_plain_form_run():
    headers = RuntimeError("Failed to find CUDA headers. Please install CUDA toolkit headers")
    with (
        installed(),
        patch.object(torch.cuda, "is_available", lambda: True),
        patch.object(torch.cuda, "device", MagicMock()) as device,
    ):
        cuda.cupy.cache_clear(), cuda._module.cache_clear()
        assert missing.__wrapped__("cuda", 1) == ""
        device.assert_called_once_with(1)  # else it would take memory of another GPU
        with patch.object(stand_in_cupy.RawModule, "get_function", side_effect=headers):
            assert "brings NVRTC and the CUDA headers" in missing.__wrapped__("cuda", 1)
    cuda.cupy.cache_clear(), cuda._module.cache_clear()


def test_an_architecture_that_nvrtc_does_not_know_is_said():
    refused = pytest.raises(CompilerMissingError, match=r"invalid value for --gpu-arch.*not know this GPU; CUDA 13")
    with refused, cuda.explained("kernel.cu"):
        compile("", "sm_20")


def test_other_errors_of_cuda_stay_what_they_are():
    with pytest.raises(RuntimeError, match=r"^out of memory$") as error, cuda.explained("kernel.cu"):
        raise RuntimeError("out of memory")
    assert type(error.value) is RuntimeError


def test_a_full_disk_is_said():
    full = OSError(errno.ENOSPC, "No space left on device", "kernel_cache/1.cubin")
    refused = pytest.raises(cuda.KernelCompileError, match=r"No space left.*1\.cubin.*: set CUPY_CACHE_DIR to a folder")
    with refused, cuda.explained("kernel.cu"):
        raise full


@pytest.mark.parametrize(("place", "name"), [("", "from_dlpack"), ("cuda.Stream", "from_external")])
def test_an_old_cupy_is_refused_with_the_version_that_works(place, name):
    with installed():
        import cupy

        cuda.cupy.cache_clear()
        owner = cupy.cuda.Stream if place else cupy
        with patch.object(owner, name), pytest.raises(CompilerMissingError, match=rf"CuPy .* does not fit \(.*{name}"):
            delattr(owner, name)
            cuda.cupy()
    cuda.cupy.cache_clear()
