"""The emulated GPU itself: what it computes, what it counts, and that it finds every kind of fault."""

import sys
from collections import Counter
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch  # before cupy

from indrnn_cupy.check.emulated_gpu import Fault, UnknownInstruction, compile, installed, run
from indrnn_cupy.runtime.bridge import to_cupy

RANDOM = np.random.default_rng(0)


def launch(
    parameters: str, body: str, *arguments: Any, grid: int = 1, block: int = 32, shared: int = 0
) -> Counter[str]:
    """Runs `body` as a kernel in which `i` is the number of the thread."""
    start = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
    source = f'#include <cuda_fp16.h>\nextern "C" __global__ void k({parameters}) {{ {start} {body} }}'
    ptx, _ = compile(source)
    return run(str(ptx), "k", arguments, (grid,), (block,), shared)


C_TYPES = {"float32": "float", "float64": "double", "int32": "int", "uint32": "unsigned", "int64": "long long"}


def elementwise(expression: str, *inputs: np.ndarray, out: type) -> np.ndarray:
    """`expression` of a[i], b[i], ... for each i, in one block."""
    result: np.ndarray = np.zeros(len(inputs[0]), out)
    names = [*"abc"[: len(inputs)], "out"]
    arrays = [*inputs, result]
    parameters = [f"{C_TYPES[array.dtype.name]}* {name}" for name, array in zip(names, arrays, strict=True)]
    launch(", ".join(parameters), f"out[i] = {expression};", *arrays, block=len(result))
    return result


RECURRENCE = """
    if (i >= n) return;
    float h = 0;
    for (int t = 0; t < T; ++t) out[(size_t)t * n + i] = h = fmaxf(0.f, fmaf(u[i], h, x[(size_t)t * n + i]));
"""


@pytest.mark.parametrize(("steps", "columns", "block"), [(37, 335, 64), (1, 1, 32), (256, 1024, 1024)])
def test_a_recurrence_is_exact_to_the_bit(steps: int, columns: int, block: int) -> None:
    x = RANDOM.standard_normal((steps, columns), np.float32)
    u = RANDOM.random(columns, np.float32)
    out = np.full_like(x, np.nan)
    parameters = "const float* x, const float* u, float* out, int T, int n"
    grid = -(-columns // block)
    launch(parameters, RECURRENCE, x, u, out, np.int32(steps), np.int32(columns), grid=grid, block=block)
    h = np.zeros(columns, np.float32)
    for step in range(steps):
        h = np.maximum(0, u.astype(np.float64) * h + x[step]).astype(np.float32)
        np.testing.assert_array_equal(out[step], h)


def test_fused_multiply_add_rounds_once() -> None:
    # x * y + 1 is just above the middle of two floats: rounded to double first, it would be just that middle
    x, y = np.array([[1025], [1047553]], np.float32) * np.float32(2.0**-27)
    assert elementwise("fmaf(a[i], b[i], 1.f)", x, y, out=np.float32) == 1 + 2.0**-23
    a, b, c = RANDOM.standard_normal((3, 500))
    c[::2] = -a[::2] * b[::2] * (1 + 1e-15)  # nearly cancels
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(elementwise("fma(a[i], b[i], c[i])", a, b, c, out=np.float64), exact)
    a, b, c = np.array([[1.3e154, 1e38, 1e300], [1.5e154, 1e300, 1e300], [-1.7e308, -np.inf, 1.0]])
    exact = [float(Fraction(1.3e154) * Fraction(1.5e154) + Fraction(-1.7e308)), -np.inf, np.inf]  # parts overflow
    np.testing.assert_array_equal(elementwise("fma(a[i], b[i], c[i])", a, b, c, out=np.float64), exact)


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        ("expf(a[i])", np.exp),
        ("__expf(a[i])", np.exp),
        ("tanhf(a[i])", np.tanh),
        ("logf(fabsf(a[i]))", lambda a: np.log(np.abs(a))),
        ("sqrtf(a[i] * a[i])", np.abs),
        ("rsqrtf(fabsf(a[i]))", lambda a: 1 / np.sqrt(np.abs(a))),
        ("1.f / a[i]", lambda a: 1 / a),
        ("__fdividef(2.f, a[i])", lambda a: 2 / a),
        ("copysignf(3.f, a[i])", lambda a: np.copysign(3, a)),
        ("a[i] > 0.f && !(a[i] >= 1.f) ? a[i] : 0.5f", lambda a: np.where((a > 0) & ~(a >= 1), a, 0.5)),
        ("__saturatef(a[i])", lambda a: np.clip(a, 0, 1)),
        ("floorf(a[i]) + rintf(a[i])", lambda a: np.floor(a) + np.rint(a)),
        ("exp((double)a[i]) / 3 + sqrt(fabs((double)a[i]))", lambda a: np.exp(a) / 3 + np.sqrt(np.abs(a))),
    ],
)
def test_float_functions(function: str, reference: Any) -> None:
    a = 3 * RANDOM.standard_normal(256, np.float32)
    is_double = "double" in function
    expected = reference(a.astype(np.float64))
    actual = elementwise(function, a, out=np.float64 if is_double else np.float32)
    np.testing.assert_allclose(actual, expected, rtol=1e-14 if is_double else 2e-6, atol=0 if is_double else 1e-7)


def test_subnormal_floats_are_flushed() -> None:
    a = np.array([1e-39, -1e-39, 1e-38, np.nan, np.inf], np.float32)
    np.testing.assert_array_equal(elementwise("a[i] * 0.5f", a[2:], out=np.float32), [0, np.nan, np.inf])
    flushed = elementwise("a[i] * 1e10f", a[:2], out=np.float32)
    assert (flushed == 0).all() and np.signbit(flushed).tolist() == [False, True]


A, B = RANDOM.integers(-(2**62), 2**62, (2, 128))
SMALL = np.where(B % 100 == 50, 3, B % 100 - 50)
LOW_A, LOW_B = A & 0xFFFFFFFF, B & 0xFFFFFFFF
QUOTIENTS = [abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1) for a, b in zip(A, SMALL, strict=True)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a[i] * b[i]", A * B),
        ("a[i] / c[i]", QUOTIENTS),
        ("a[i] % c[i]", np.fmod(A, SMALL)),
        ("a[i] % 7", np.fmod(A, 7)),
        ("(int)a[i] / (int)c[i]", np.trunc(A.astype(np.int32) / SMALL)),
        ("(a[i] >> 5) ^ (b[i] << 3)", (A >> 5) ^ (B << 3)),
        ("a[i] >> (b[i] & 127)", A >> np.minimum(B & 127, 63)),
        ("min(a[i], b[i]) - max(a[i], -b[i])", np.minimum(A, B) - np.maximum(A, -B)),
        ("(long long)(int)a[i] * (int)b[i]", A.astype(np.int32).astype(np.int64) * B.astype(np.int32)),
        ("(signed char)a[i] + (short)b[i]", A.astype(np.int8).astype(np.int64) + B.astype(np.int16)),
        ("((unsigned)a[i] >> 9) & 31", (A >> 9) & 31),
        ("((int)a[i] << 20) >> 26", (A.astype(np.int32) << 20) >> 26),
        ("(long long)(float)a[i]", A.astype(np.float32).astype(np.int64)),
        ("__popcll(a[i])", np.bitwise_count(A.view(np.uint64))),
        ("__umulhi(a[i], b[i])", (LOW_A.astype(np.uint64) * LOW_B.astype(np.uint64)) >> np.uint64(32)),
        ("(unsigned)__funnelshift_l(a[i], b[i], 9)", ((B << 9) | (LOW_A >> 23)) & 0xFFFFFFFF),
        ("(unsigned)__funnelshift_r(a[i], b[i], 9)", ((B << 23) | (LOW_A >> 9)) & 0xFFFFFFFF),
        ("__byte_perm(a[i], b[i], 0x0417)", (LOW_B >> 24) | (A & 0xFF00) | (B & 0xFF) << 16 | (A & 0xFF) << 24),
    ],
)
def test_integers(expression: str, expected: Any) -> None:
    actual = elementwise(expression, A, B, SMALL, out=np.int64)
    np.testing.assert_array_equal(actual, np.asarray(expected).astype(np.int64))


def test_conversion_to_integers_clips() -> None:
    a = np.array([1.5, -1.5, 1e20, -1e20, np.nan], np.float32)
    limits = np.iinfo(np.int32)
    assert elementwise("a[i]", a, out=np.int32).tolist() == [1, -1, limits.max, limits.min, 0]
    assert elementwise("__float2int_rn(a[i])", a, out=np.int32).tolist()[:2] == [2, -2]
    assert elementwise("a[i]", a, out=np.uint32).tolist() == [1, 0, 2**32 - 1, 0, 0]


@pytest.mark.parametrize(("ctype", "dtype"), [("__half", torch.float16), ("__nv_bfloat16", torch.bfloat16)])
def test_16_bit_floats(ctype: str, dtype: torch.dtype) -> None:
    x = torch.randn(64) * 100
    x[:3] = torch.tensor([float("nan"), float("inf"), 1e30])
    narrow, wide = torch.empty(64, dtype=dtype), torch.empty(64)
    source = """#include <cuda_fp16.h>
        #include <cuda_bf16.h>
        extern "C" __global__ void k(const float* x, TYPE* narrow, float* wide) {
            int i = threadIdx.x; narrow[i] = TYPE(x[i]); wide[i] = 2.f * float(narrow[i]); }"""
    arrays = (x.numpy(), narrow.view(torch.int16).numpy(), wide.numpy())
    run(str(compile(source.replace("TYPE", ctype))[0]), "k", arrays, (1,), (64,))
    torch.testing.assert_close(narrow, x.to(dtype), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(wide, 2 * x.to(dtype).float(), rtol=0, atol=0, equal_nan=True)


def test_vectors_of_four() -> None:
    x = torch.randn(64, 4)
    out = torch.empty_like(x)
    body = "float4 v = x[i]; out[i] = make_float4(v.w, v.z, v.y, v.x);"
    stats = launch("const float4* x, float4* out", body, x.numpy(), out.numpy(), block=64)
    torch.testing.assert_close(out, x.flip(1), rtol=0, atol=0)
    assert stats["global_load_bytes"] == x.nbytes and stats["global_load_sectors"] == x.nbytes / 32


SUM_OF_A_BLOCK = """
    s[threadIdx.x] = x[i];
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    }
    if (threadIdx.x == 0) out[blockIdx.x] = s[0];
"""


@pytest.mark.parametrize(
    ("declaration", "shared"), [("__shared__ float s[256];", 0), ("extern __shared__ float s[];", 1024)]
)
def test_a_sum_through_shared_memory(declaration: str, shared: int) -> None:
    x = RANDOM.integers(-1000, 1000, (3, 256)).astype(np.float32)
    out = np.zeros(3, np.float32)
    stats = launch("const float* x, float* out", declaration + SUM_OF_A_BLOCK, x, out, grid=3, block=256, shared=shared)
    np.testing.assert_array_equal(out, x.sum(axis=1))
    assert stats["shared_bank_conflicts"] == 0


def test_divergent_threads_meet_again() -> None:
    def steps_to_one(n: int) -> int:
        return 0 if n == 1 else 1 + steps_to_one(n // 2 if n % 2 == 0 else 3 * n + 1)

    out = np.zeros(100, np.int32)
    body = "int n = i + 1, steps = 0; while (n != 1) { n = n % 2 ? 3 * n + 1 : n / 2; ++steps; } out[i] = steps;"
    launch("int* out", body, out, block=100)
    assert out.tolist() == [steps_to_one(i + 1) for i in range(100)]


LANE = np.arange(64) % 32
WARP_START = np.arange(64) - LANE


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__shfl_up_sync(~0u, i, 3)", np.where(LANE >= 3, np.arange(64) - 3, np.arange(64))),
        ("__shfl_down_sync(~0u, i, 5)", np.where(LANE < 27, np.arange(64) + 5, np.arange(64))),
        ("__shfl_xor_sync(~0u, i, 6)", np.arange(64) ^ 6),
        ("__shfl_sync(~0u, i, 9)", WARP_START + 9),
        ("__shfl_xor_sync(~0u, i, 1, 8)", np.arange(64) ^ 1),
        ("__shfl_sync(~0u, i, 2, 8)", np.arange(64) // 8 * 8 + 2),
        ("__ballot_sync(~0u, i % 4 == 0)", np.full(64, 0x11111111)),
        ("__any_sync(~0u, i == 40)", np.arange(64) >= 32),
        ("__all_sync(~0u, i != 40)", np.arange(64) < 32),
        ("i % 32 < 8 ? __shfl_xor_sync(0xffu, i, 1) : -1", np.where(LANE < 8, np.arange(64) ^ 1, -1)),
    ],
)
def test_warps_exchange_values(expression: str, expected: np.ndarray) -> None:
    out = np.zeros(64, np.int32)
    launch("int* out", f"out[i] = {expression};", out, block=64)
    np.testing.assert_array_equal(out, expected)


def test_strided_arrays_and_pointers_of_unknown_space() -> None:
    base = np.arange(60, dtype=np.float32).reshape(6, 10)
    x, flipped, constant = base[:, 2:6], base[::-1, :4], np.broadcast_to(np.float32(5), (6, 4))
    out = np.full((6, 10), np.nan, np.float32)
    body = """__shared__ float s[32]; s[i] = i; int row = i / 4, column = i % 4;
        const float* p = column == 3 ? s + i : x + row * 10 + column;
        out[row * 10 + column] = *p + flipped[-row * 10 + column] + constant[0];"""
    parameters = "const float* x, const float* flipped, const float* constant, float* out"
    launch(parameters, body, x, flipped, constant, out[:, :4], block=24)
    expected = x + flipped + constant
    expected[:, 3] += np.arange(3, 24, 4) - x[:, 3]
    np.testing.assert_array_equal(out[:, :4], expected)
    assert np.isnan(out[:, 4:]).all()


def test_arguments_that_share_memory_see_each_others_writes() -> None:
    base = np.zeros(40, np.int32)
    launch("int* a, volatile int* b", "a[i] = i; b[i] += 1;", base[:32], base[8:], block=32)
    assert base.tolist() == [*range(8), *range(9, 33), *[1] * 8]


FLOATS = torch.zeros(64).numpy()  # aligned as on a device
ROWS = FLOATS.reshape(8, 8)
UNALIGNED = torch.zeros(301)[1:].numpy()
FAULTS: dict[str, tuple[str, str, list[Any], str]] = {
    # parameters, body, arguments, what the message says; there are two blocks of two warps
    "past the end": ("float* x", "x[i + 40] = 1;", [FLOATS], "bounds: store of 4 bytes by thread 24 at byte 256"),
    "before the start": ("float* x", "x[i] = x[i - 1];", [FLOATS], "bounds: load .* thread 0 at byte -4 of k_param_0"),
    "only in one block": ("float* x", "if (blockIdx.x) x[i] = 1;", [FLOATS], r"k, block \(1, 0, 0\): .*\n.* st.global"),
    "of nothing": ("float* x", "x[i] = 1;", [FLOATS[:0]], "out of bounds: .* byte 0 of k_param_0, which has 0 bytes"),
    "into the neighbour": ("float* x, float* y", "x[i] = y[0];", [ROWS[:4], ROWS[4:]], "byte 128 of k_param_0"),
    "in a gap": (
        "float* x",
        "if (i < 8) x[i] = 1;",
        [ROWS[:, :6]],
        "between the rows of a slice: .* thread 6 at byte 24",
    ),
    "partly in a gap": ("float4* x", "float4 v = *x; v.x++; *x = v;", [ROWS[:, :3]], "of a slice: load of 16 bytes"),
    "misaligned": ("float4* x", "x[i] = x[i + 1];", [UNALIGNED], "misaligned: load of 16 bytes by thread 0 at byte 16"),
    "null pointer": ("float* x, float* y", "x[i] = y[1];", [FLOATS, None], "at byte 4 of None, passed as k_param_1"),
    "wild pointer": ("long long p", "*(float*)p = 1;", [64], "address 0x40, which belongs to no argument"),
    "shared overrun": (
        "float* x",
        "__shared__ float s[64]; s[i] = i; __syncthreads(); x[i] = s[i + 1];",
        [FLOATS],
        "out of bounds: load of 4 bytes by thread 63 at byte 256 of shared memory",
    ),
    "read after write": (
        "float* x",
        "__shared__ float s[64]; s[i] = i; x[i] = s[63 - i];",
        [FLOATS],
        "race: .* load of 4 bytes by thread 0 at byte 252 of shared memory",
    ),
    "write after read": (
        "float* x",
        "__shared__ float s[64]; s[i] = i; __syncthreads(); x[i] = s[63 - i]; s[i] = 2; __syncthreads(); x[i] = s[0];",
        [FLOATS],
        "race: .* store of 4 bytes by thread 0 at byte 0",
    ),
    "write after write": (
        "float* x",
        "__shared__ float s[1]; s[0] = i; __syncthreads(); x[i] = s[0];",
        [FLOATS],
        "race: .* store of 4 bytes",
    ),
    "global read after write": (
        "float* x",
        "if (blockIdx.x) return; x[i] = 1; x[i] += x[63 - i];",
        [FLOATS],
        "race: another warp .* load of 4 bytes by thread 0 at byte 252 of k_param_0",
    ),
    "global write after read": (
        "const float* x, volatile float* y",
        "if (blockIdx.x) return; float v = y[63 - i]; y[i] = v + x[i];",
        [FLOATS, FLOATS.copy()],
        "race: another warp .* store of 4 bytes by thread 0 at byte 0 of k_param_1",
    ),
    "global write after write": (
        "float* x",
        "if (blockIdx.x) return; x[i] = 1; __syncthreads(); x[0] = i;",
        [FLOATS],
        "race: another warp .* store of 4 bytes",
    ),
    "barriers apart": (
        "float* x",
        "if (i < 32) { x[i] = 1; __syncthreads(); x[i] = x[i + 32]; } __syncthreads(); x[i] += 1;",
        [FLOATS],
        "barrier: threads wait at different ones: 32 at instruction .* and 32 at",
    ),
    "wrong mask": (
        "float* x",
        "if (i < 8) x[i] = __shfl_xor_sync(~0u, i, 1);",
        [FLOATS],
        "wrong mask: 0xffffffff of thread 0, but the threads of the mask 0x000000ff",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(name: str) -> None:
    parameters, body, arguments, message = FAULTS[name]
    with pytest.raises(Fault, match=message):
        launch(parameters, body, *arguments, grid=2, block=64)


@pytest.mark.parametrize(("grid", "block", "shared"), [(1, 1025, 0), (0, 32, 0), (1, 65, 0), (1, 32, 50_000)])
def test_launches_beyond_the_limits_are_refused(grid: int, block: int, shared: int) -> None:
    with pytest.raises(Fault, match="cannot launch"):
        ptx, _ = compile('extern "C" __global__ void __launch_bounds__(64) k() {}')
        run(str(ptx), "k", (), (grid,), (block,), shared)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([FLOATS], "1 arguments for 3 parameters"),
        ([FLOATS, 1.0, 1], "k: float passed as float64 for k_param_1, which is .f32"),
        ([FLOATS, np.int32(1), 1], "int32 for k_param_1, which is .f32"),
        ([FLOATS, np.float32(1), np.int32(1)], "int32 for k_param_2, which is .u64"),
        ([FLOATS, np.float32(1), 1.0], "float passed as float64 for k_param_2, which is .u64"),
        ([FLOATS, FLOATS, 1], "ndarray passed as uint64 for k_param_1"),
        ([FLOATS, None, 1], "NoneType passed as uint64 for k_param_1"),
        ([FLOATS, torch.ones(()), 1], "a Tensor cannot be an argument"),
    ],
)
def test_arguments_must_be_of_the_parameters_types(arguments: list[Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        launch("float* x, float scale, long long n", "if (i < n) x[i] = scale;", *arguments)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("atomicAdd(x + i, 1.f);", "unknown instruction: .*atom.*global"),
        ('asm("add.sat.s32 %0, %0, 1;" : "+r"(i)); x[i] = i;', r"unknown instruction: add.sat.s32 %r\d+, %r\d+, 1"),
        ('asm volatile("bar.sync 1, 32;"); x[i] = i;', "bar.sync 1, 32"),
        ('asm("{ .reg .f32 a; mov.f32 a, %clock; mov.f32 %0, a; }" : "=f"(x[i]));', "unreadable instruction .*%clock"),
    ],
)
def test_an_unknown_instruction_shows_its_text(body: str, message: str) -> None:
    with pytest.raises(UnknownInstruction, match=message):
        launch("float* x", body, FLOATS)


def test_inline_assembly_has_registers_of_its_own() -> None:
    out = np.zeros(32, np.int32)
    twice = 'asm("{ .reg .b32 t; add.s32 t, %0, %0; mov.b32 %0, t; }" : "+r"(i));'
    launch("int* out", f"int t = i; {twice} {twice} out[t] = i;", out)
    assert out.tolist() == list(range(0, 128, 4))


def test_counters() -> None:
    x, out = torch.randn(1000), torch.empty(1000)
    parameters, body = "const float* x, float* out, int n", "if (i < n) out[i] = x[i];"
    stats = launch(parameters, body, x.numpy(), out.numpy(), np.int32(1000), grid=4, block=256)
    for word in ("load", "store"):
        assert stats[f"global_{word}_bytes"] == 4000
        assert stats[f"global_{word}_requests"] == 32  # warps; the last one is a quarter full
        assert stats[f"global_{word}_sectors"] == 125
    assert stats["warp_instructions"] % 32 == 0
    strided = launch("const float* x, float* out", "out[i] = x[8 * i];", x.numpy(), out.numpy())
    assert (strided["global_load_sectors"], strided["global_store_sectors"]) == (32, 4)


@pytest.mark.parametrize(
    ("ctype", "stride", "wavefronts", "conflicts"),
    [("float", 1, 1, 0), ("float", 2, 2, 1), ("float", 32, 32, 31), ("float4", 1, 4, 0)],
)
def test_bank_conflicts(ctype: str, stride: int, wavefronts: int, conflicts: int) -> None:
    x, out = torch.zeros(128).numpy(), torch.zeros(128).numpy()
    body = f"__shared__ {ctype} s[1024]; s[{stride} * i] = x[i]; __syncwarp(); out[i] = s[{stride} * (i ^ 1)];"
    stats = launch(f"const {ctype}* x, {ctype}* out", body, x, out)
    assert stats["shared_requests"] == 2
    assert stats["shared_wavefronts"] == 2 * wavefronts
    assert stats["shared_bank_conflicts"] == 2 * conflicts


def test_machine_code_is_complete() -> None:
    code, log = compile('extern "C" __global__ void k(float* x) { x[0] = 1; }', "sm_90", ("--ptxas-options=-v",))
    assert isinstance(code, bytes) and code.startswith(b"\x7fELF") and len(code) % 8 == 0
    assert "registers" in log


SCALE = 'extern "C" __global__ void scale(float* x, int n) { if (threadIdx.x < n) x[threadIdx.x] *= FACTOR; }'


def test_the_stand_in_launches_like_cupy() -> None:
    import cupy as real

    with installed() as launches:
        import cupy

        assert cupy is sys.modules["cupy"] is not real and sys.modules["cupy.cuda"] is cupy.cuda
        kernel = cupy.RawModule(code=SCALE, options=("-DFACTOR=2",), backend="nvrtc").get_function("scale")
        x = torch.arange(6.0).reshape(2, 3)
        external = cupy.cuda.Stream.from_external(SimpleNamespace(__cuda_stream__=lambda: (0, 77)))
        kernel((1, 0), (64,), (to_cupy(x.T), cupy.int32(6)), stream=external)
        kernel((1,), (64,), (to_cupy(x), cupy.int32(6)))
        assert x.tolist() == [[0, 4, 8], [12, 16, 20]]
        assert [(call.name, call.grid, call.block, call.stream) for call in launches] == [
            ("scale", (1, 1), (64,), 77),
            ("scale", (1,), (64,), 0),
        ]
        assert launches[0].stats["global_store_bytes"] == 24
        with pytest.raises(TypeError, match="expected a tuple, got a list"):
            kernel([1], (64,), (to_cupy(x), cupy.int32(6)))
        with pytest.raises(TypeError, match="NumPy array"):
            kernel((1,), (64,), (x.numpy(), cupy.int32(6)))
        with pytest.raises(AttributeError, match="no kernel other; expected scale"):
            cupy.RawModule(code=SCALE, options=("-DFACTOR=2",)).get_function("other")
        with pytest.raises(cupy.cuda.compiler.CompileException, match="FACTOR"):
            cupy.RawModule(code=SCALE).get_function("scale")
    assert sys.modules["cupy"] is real and sys.modules["cupy.cuda"] is real.cuda
