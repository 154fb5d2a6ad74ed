"""Every kernel under AddressSanitizer, UBSan and ThreadSanitizer, in its form for a CPU and in that for a GPU."""

import numpy as np
import pytest
import torch
from sanitizers import SanitizerError, sanitized  # noqa: F401

from indrnn_cupy import MinGRURecurrence, use_kernels
from indrnn_cupy import functional as F
from indrnn_cupy.check.emulated_gpu import Fault
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import FIRST, with_gradients
from indrnn_cupy.layers.block import RecurrentBlock
from indrnn_cupy.ops import gpu
from indrnn_cupy.runtime import Kernel, cuda, source
from indrnn_cupy.runtime.errors import KernelSignatureError

FORMS = {"CPU": {}, "GPU": {"like_gpu": True}, "chunks": {"like_gpu": True, "chunk": 4}}


def cases():
    """Every form of the first cell of each recurrence; on a CPU another type too. What takes longest is slow."""
    for recurrence in FIRST:
        for form in FORMS if recurrence.chunks else ("CPU", "GPU"):
            for sanitizer in ("memory", "threads"):
                for dtype in (torch.float32, torch.float16) if form == "CPU" else (torch.float32,):
                    name = f"{recurrence}-{form}-{sanitizer}-{dtype}"
                    slow = dtype == torch.float16 or (form == "chunks" and recurrence.name != "linear_recurrence")
                    yield pytest.param(
                        recurrence, form, sanitizer, dtype, id=name, marks=pytest.mark.slow if slow else []
                    )


@pytest.mark.parametrize(("recurrence", "form", "sanitizer", "dtype"), list(cases()))
def test_kernels_are_clean_and_give_the_same_bits(recurrence, form, sanitizer, dtype, sanitized):  # noqa: F811
    T, B, H = 13, 5, 70
    sequence, *rest = recurrence.make_inputs(T, B, H, dtype)
    sliced = torch.zeros(T, B, 2 * sequence.shape[-1], dtype=dtype)[..., : sequence.shape[-1]].copy_(sequence)
    for inputs, options in (
        ((sequence, *rest), {}),
        (
            (sliced, *rest),
            {"lengths": torch.tensor([13, 0, 5, 9, 1]), "resets": torch.rand(T, B) < 0.2, "reverse": True},
        ),
    ):
        expected = with_gradients(recurrence.function, inputs, **options, **recurrence.all_kernels)
        with sanitized(sanitizer, **FORMS[form]) as ran:
            actual = with_gradients(recurrence.function, inputs, **options, **recurrence.all_kernels)
        assert {kernel.name for kernel in recurrence.kernels} <= set(ran)
        if form != "chunks":
            assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize(
    ("form", "sanitizer"),
    [
        *(("CPU", "memory"), ("GPU", "threads")),
        *(pytest.param(*rare, marks=pytest.mark.slow) for rare in (("CPU", "threads"), ("GPU", "memory"))),
    ],
)
def test_norms_are_clean_and_give_the_same_bits(form, sanitizer, sanitized):  # noqa: F811
    block = RecurrentBlock(70, 0.3, recurrence=MinGRURecurrence)
    x, lengths = torch.randn(13, 5, 140, requires_grad=True), torch.tensor([13, 0, 5, 9, 1])

    def everything():
        torch.manual_seed(0)
        z, h_n = block(x, lengths=lengths)
        return z, h_n, *torch.autograd.grad(z.sin().sum() + h_n.sum(), (x, *block.parameters()))

    expected = everything()
    with sanitized(sanitizer, **FORMS[form]) as ran:
        actual = everything()
    assert ran[0] == "mingru_forward_measured" and ran[-1] == "mingru_backward_of_normalized" and len(ran) == 6
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


def edited(folder, old, new, file="cell_forward.cuh"):
    """A copy of a kernel file with a fault planted in it."""
    text = (source.KERNELS / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    return use_kernels(folder)


BEYOND = "const Sequence<const scalar*> beyond[] = {along(in[0].start + 1, in[0].stride_t, in[0].stride_b)};"
FINISH = "UNROLL (int i = 0; i < STATES; ++i) tile.finish(s[i], last[i]);"
OVERRUN = ("walk(tile, in,", f"{BEYOND} walk(tile, beyond,")
OVERFLOW = (FINISH, f"tile.fill(s[0], real(int(tile.T) * 20000000)); {FINISH}")
RACE_IN_A_BLOCK = (
    FINISH,
    "__shared__ real all[THREADS]; all[threadIdx.x] = s[0][0]; s[0][0] = all[THREADS - 1 - threadIdx.x];\n" + FINISH,
)
RACE_OF_BLOCKS = (FINISH, "tile.store(s[0], last[0], 0);")


@pytest.mark.parametrize(
    ("fault", "sanitizer", "form", "message"),
    [
        (OVERRUN, "memory", "CPU", "heap-buffer-overflow"),
        (OVERRUN, "memory", "GPU", "heap-buffer-overflow"),
        (OVERFLOW, "memory", "CPU", "signed integer overflow"),
        (RACE_IN_A_BLOCK, "threads", "GPU", "data race"),
        (RACE_OF_BLOCKS, "threads", "CPU", "data race"),
    ],
)
def test_planted_faults_are_found(fault, sanitizer, form, message, sanitized, tmp_path):  # noqa: F811
    x, u = torch.randn(200, 4, 64), torch.rand(64)  # two blocks on a CPU
    with edited(tmp_path, *fault), sanitized(sanitizer, **FORMS[form]), pytest.raises(SanitizerError, match=message):
        F.indrnn(x, u)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (OVERRUN, "out of bounds: load of 4 bytes"),
        (RACE_IN_A_BLOCK, "race: another warp accessed this since the last barrier"),
        (RACE_OF_BLOCKS, "race: another block wrote this: store of 4 bytes"),
    ],
)
def test_planted_faults_are_found_in_the_ptx(fault, message, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "THREADS", 64)  # two warps
    gpu.layout.cache_clear()
    x, u = torch.randn(9, 4, 64), torch.rand(64)
    with edited(tmp_path, *fault), interpreted(), pytest.raises(Fault, match=message):
        F.indrnn(x, u)
    gpu.layout.cache_clear()


def test_argument_of_a_wrong_type_is_found(tmp_path, monkeypatch):
    x, R = torch.randn(9, 4, 6), torch.rand(2, 6)
    with edited(tmp_path, "long long T, long long B,", "int T, long long B,", "egru.cu"):
        with pytest.raises(KernelSignatureError, match="it declares `int T`, expected `long long T`"):
            F.egru(x, R, R[0], R[0, :2])
        monkeypatch.setattr(cuda, "NUMPY", {"long long": np.int64, "int": np.int64})
        monkeypatch.setattr(Kernel, "source", lambda kernel: (source.read(kernel.file), kernel_parameters(kernel)))
        with interpreted(), pytest.raises(TypeError, match=r"int64 for \w+_param_17, which is .u32"):
            F.egru(x, R, R[0], R[0, :2])


def kernel_parameters(kernel):
    """Those that the op passes, not held against the file."""
    return source.parse_parameters(kernel.parameters)


def test_race_of_chunks_is_found_in_the_ptx(tmp_path):
    old = "left <= chunks * chunk && chunks && (left > 0 || !blockIdx.z)"
    text = (source.KERNELS / "tile.cuh").read_text()
    assert old in text
    (tmp_path / "tile.cuh").write_text(text.replace(old, "chunks"))  # every chunk stores the last state
    with use_kernels(tmp_path), interpreted(4), pytest.raises(Fault, match="race: another block wrote this"):
        F.indrnn(torch.randn(9, 2, 8), torch.rand(8))
