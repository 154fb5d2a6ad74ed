"""The GPU build without a GPU: NVRTC compiles every kernel for every architecture; its PTX runs in an interpreter."""

from pathlib import Path

import pytest
import torch

from indrnn_cupy.check import ARCHITECTURES
from indrnn_cupy.check.interpreter import STREAM, interpreted
from indrnn_cupy.check.machine_code import loads_in_flight
from indrnn_cupy.check.programs import block_programs, compile_program, programs
from indrnn_cupy.check.recurrences import FIRST, RECURRENCES, with_gradients
from indrnn_cupy.ops.sequence import TYPES
from indrnn_cupy.runtime import source, use_kernels
from indrnn_cupy.runtime.errors import KernelCompileError


def test_every_kernel_file_is_in_the_table():
    kinds = programs, block_programs
    used = {Path(p.kernel.file).name for r in RECURRENCES for of in kinds for p in of(r, torch.float32, False)}
    assert used == {path.name for path in source.KERNELS.glob("*.cu")}


def assert_sound(program, architecture):
    compiled = compile_program(program, architecture)
    assert program.kernel.name in compiled
    for name, found in compiled.items():
        assert not found.warnings
        assert found.resources.spilled_bytes == 0
        if architecture != "sm_75" and not program.kernel.small:  # the disassembler does not know sm_75
            plain = name == "indrnn_forward" and {"RESETS=0", "CHUNKS=0"} <= {*program.defines}
            wide = program.kernel.block_per_row  # other warps of the block load meanwhile
            assert found.loads_in_flight >= (32 if plain else 8 if wide else 16)


def plain(recurrence, dtype):
    """Its programs without resets and chunks."""
    return list(programs(recurrence, dtype, False))[: len(recurrence.kernels)]


def cells(first, others):
    """Pairs of a recurrence and something else: for the first cell of each recurrence, and for its other cells."""
    pairs = [(r, what) for r in RECURRENCES for what in (first if r in FIRST else others)]
    return [pytest.param(r, what, id=f"{r}-{what}") for r, what in pairs]


@pytest.mark.parametrize(("recurrence", "architecture"), cells(["sm_75", ARCHITECTURES[-1]], ["sm_90"]))
def test_no_spills_and_many_loads_in_flight(recurrence, architecture):
    for program in plain(recurrence, torch.float32):
        assert_sound(program, architecture)


@pytest.mark.parametrize("dtype", [torch.bfloat16, pytest.param(torch.float64, marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_no_spills_of_other_types(recurrence, dtype):
    for program in plain(recurrence, dtype):
        assert_sound(program, "sm_90")


@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_no_spills_with_resets_and_in_chunks(recurrence):
    for program in programs(recurrence, torch.float32, True):
        assert_sound(program, "sm_90")


@pytest.mark.parametrize("recurrence", FIRST[:1], ids=str)  # the others are slow, below
def test_no_spills_with_a_norm(recurrence):
    for program in block_programs(recurrence, torch.float32, False):
        assert_sound(program, "sm_90")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["sm_75", *ARCHITECTURES])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_every_program_for_every_architecture(recurrence, dtype, architecture):
    for resets in (False, True):
        for of in (programs, block_programs):
            for program in of(recurrence, dtype, resets):
                assert_sound(program, architecture)


def test_loads_in_flight_of_a_loop_that_waits_for_each():
    from indrnn_cupy.check.emulated_gpu import compile

    kernel = 'extern "C" __global__ void k(float* x, float* y, int n) {'
    one, _ = compile(kernel + " for (int i = 0; i < n; ++i) y[i] = x[i]; }", "sm_90")  # they may overlap
    assert loads_in_flight(one) == {"k": 1}
    four, _ = compile(
        kernel.replace("*", "* __restrict__")
        + """
        #pragma unroll 1
        for (int i = 0; i < n; i += 4) { y[i] = x[i] + x[i + 1] + x[i + 2] + x[i + 3]; } }""",
        "sm_90",
    )
    assert loads_in_flight(four) == {"k": 4}


@pytest.mark.parametrize("shape", [(34, 3, 5), pytest.param((70, 1, 40), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize(("recurrence", "dtype"), cells(TYPES, [torch.float32]))
def test_interpreted_ptx_gives_the_bits_of_the_cpu(recurrence, dtype, shape):
    T, B, _ = shape
    inputs = recurrence.make_inputs(*shape, dtype)
    some = {"lengths": torch.arange(T, T - B, -1), "resets": torch.rand(T, B) < 0.1, "reverse": True}
    options = recurrence.all_kernels | (some if B > 1 else {})
    with interpreted() as launches:
        on_gpu = with_gradients(recurrence.function, inputs, **options)
    assert list(dict.fromkeys(launch.name for launch in launches)) == [kernel.name for kernel in recurrence.kernels]
    assert all(launch.stream == STREAM for launch in launches)
    on_cpu = with_gradients(recurrence.function, inputs, **options)
    assert all(torch.equal(a, b) for a, b in zip(on_gpu, on_cpu, strict=True))


@pytest.mark.parametrize(
    "recurrence", [FIRST[0], *(pytest.param(r, marks=pytest.mark.slow) for r in FIRST[1:])], ids=str
)
def test_interpreted_ptx_takes_any_strides(recurrence):
    sequence, *rest = recurrence.make_inputs(9, 3, 6, torch.float32)
    expected = with_gradients(recurrence.function, (sequence, *rest))
    width = sequence.shape[-1]
    sliced = torch.full((9, 3, width + 4), float("nan"))[..., 2 : 2 + width].copy_(sequence)
    permuted = sequence.transpose(0, 1).contiguous().transpose(0, 1)
    for moved in (sliced, permuted):
        with interpreted():
            actual = with_gradients(recurrence.function, (moved, *rest))
        assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_indrnn_moves_each_number_once():
    T, B, H = 70, 2, 32
    with interpreted() as launches:
        with_gradients(RECURRENCES[0].function, RECURRENCES[0].make_inputs(T, B, H, torch.float32))
    forward, backward = (launch.stats for launch in launches)
    sequence, state, weight = 4 * T * B * H, 4 * B * H, 4 * B * H  # a block of each row reads the weight
    assert forward["global_load_bytes"] == sequence + state + weight  # x, h0, u
    assert forward["global_store_bytes"] == sequence + state  # y, h_n
    assert backward["global_load_bytes"] == 2 * sequence + 2 * state + weight  # grad_y, y, grad_h_n, h0, u
    assert backward["global_store_bytes"] == sequence + 2 * state  # grad_x, grad_weight, grad_h0


def test_error_of_nvrtc_names_file_and_line(tmp_path):
    text = (source.KERNELS / "indrnn.cu").read_text()
    line = 1 + text[: text.index("fma(u, h, x)")].count("\n")
    (tmp_path / "indrnn.cu").write_text(text.replace("fma(u, h, x)", "fma(u, hh, x)"))
    recurrence = RECURRENCES[0]
    wrong = pytest.raises(KernelCompileError, match=rf"indrnn\.cu\({line}\): error")
    with use_kernels(tmp_path), interpreted(), wrong:
        recurrence.function(*recurrence.make_inputs(2, 2, 2, torch.float32))
