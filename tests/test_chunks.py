"""Time in chunks that run side by side: the numbers of the sequential form, for any lengths, resets and overflow.

Run by the interpreter of PTX, and with real threads on the host where sequences are long.
"""

import pytest
import torch
from closeness import assert_close
from sanitizers import sanitized  # noqa: F401

from indrnn_cupy import functional as F
from indrnn_cupy import use_kernels
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import FIRST, RECURRENCES, with_gradients
from indrnn_cupy.ops import chunks
from indrnn_cupy.ops.sequence import TYPES
from indrnn_cupy.runtime import source

CHUNKED = [recurrence for recurrence in RECURRENCES if recurrence.chunks]


@pytest.mark.parametrize(
    ("recurrence", "dtype"),
    [
        pytest.param(r, t, id=f"{r}-{t}", marks=[] if t == torch.float32 and r in FIRST else pytest.mark.slow)
        for t in TYPES
        for r in CHUNKED
        if t == torch.float32 or r in FIRST
    ],
)
def test_equals_the_reference(recurrence, dtype):
    T, B, H, chunk = 37, 4, 6, 8
    inputs = recurrence.make_inputs(T, B, H, dtype)
    some = {"lengths": torch.tensor([37, 8, 0, 21]), "resets": torch.rand(T, B) < 0.1, "reverse": True}
    for options in ({}, some):
        with interpreted(chunk) as launches:
            actual = with_gradients(recurrence.function, inputs, **options)
        assert {"chunk_starts"} < {launch.name for launch in launches}
        assert_close(actual, with_gradients(recurrence.reference, inputs, **options))


CASES = [  # u, mean of x, activation
    *((u, 0.0, "relu") for u in (0.9, 0.99, 1.0, -0.9, -1.0, 0.0)),
    (1.0, 0.3, "relu"),  # no state is ever clamped
    (1.0, 0.0, "hardtanh"),
    (-1.2, 0.0, "hardtanh"),
    (0.99, 0.0, "identity"),
]


@pytest.mark.parametrize(("T", "chunk"), [(1024, 64), pytest.param(65536, 256, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_differs_from_the_sequential_form_by_its_rounding_alone(case, T, chunk, sanitized):  # noqa: F811
    u, mean, activation = case
    x, weight, h0 = torch.randn(T, 1, 64) + mean, torch.full((64,), u), torch.randn(1, 64)
    sequential = with_gradients(F.indrnn, (x, weight, h0), activation=activation)
    with sanitized("none", like_gpu=True, chunk=chunk) as ran:
        chunked = with_gradients(F.indrnn, (x, weight, h0), activation=activation)
    assert ran[:3] == ["indrnn_forward_summary", "chunk_starts", "indrnn_forward"]
    exact, _ = F.indrnn(x.double(), weight.double(), h0.double(), activation=activation)
    scale = exact.abs().max()
    error, sequential_error = ((t[0].double() - exact).abs().max() / scale for t in (chunked, sequential))
    assert error <= 2 * sequential_error + 1e-7
    for a, e in zip(chunked, sequential, strict=True):  # y, h_n, and the gradients of x, u and h0
        assert (a - e).abs().max() <= 5e-5 * e.abs().max()


@pytest.mark.parametrize("u", [1.5, -1.5, 2.0], ids=str)
def test_overflow_of_a_summary_is_no_overflow_of_the_state(u):
    T, chunk = 1024, 256  # 1.5 ** 256 is above every float32
    x, weight, h0 = torch.randn(T, 1, 8) - 3, torch.full((8,), u), torch.randn(1, 8)
    with interpreted(chunk):
        chunked = with_gradients(F.indrnn, (x, weight, h0))
    assert all(t.isfinite().all() for t in chunked)
    for a, e in zip(chunked[:2], with_gradients(F.indrnn, (x, weight, h0)), strict=False):
        assert torch.equal(a, e)


@pytest.mark.parametrize(
    ("activation", "u", "x"),
    [("relu", 2.0, -1.0), ("hardtanh", 2.0, -1.0), ("relu", 1.5, -0.5), ("identity", -1.5, 2.5)],
)
def test_stays_at_an_unstable_fixed_point(activation, u, x):
    """Where every step is exact, but q * h + r would be the difference of two large numbers."""
    with interpreted(64):
        y, _ = F.indrnn(torch.full((256, 1, 1), x), torch.tensor([u]), torch.ones(1, 1), activation=activation)
    assert (y == 1).all()


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_nan_and_infinity_come_through(activation):
    x, weight, h0 = torch.randn(40, 1, 6), torch.tensor([0.9, 0.9, 0.9, -0.9, 0.0, 0.9]), torch.randn(1, 6)
    x[10, 0, 0], x[10, 0, 1], x[10, 0, 2:5], x[13, 0, 2] = float("nan"), -float("inf"), float("inf"), -float("inf")
    with interpreted(8):
        y, h_n = F.indrnn(x, weight, h0, activation=activation)
    expected, last = F.indrnn(x, weight, h0, activation=activation)
    torch.testing.assert_close(y, expected, equal_nan=True)
    torch.testing.assert_close(h_n, last, equal_nan=True)


def test_a_reset_in_every_chunk_gives_the_same_bits():
    x, weight, h0 = torch.randn(64, 2, 8), torch.rand(8), torch.randn(2, 8)
    resets = (torch.arange(64) % 8 == 3).unsqueeze(1).expand(64, 2)
    with interpreted(8):
        chunked = with_gradients(F.indrnn, (x, weight, h0), resets=resets)
    expected = with_gradients(F.indrnn, (x, weight, h0), resets=resets)
    for place in (0, 1, 2, 4):  # the gradient of u is a sum in another order
        assert torch.equal(chunked[place], expected[place])


def test_only_few_lanes_and_many_steps():
    assert chunks.chunk_steps(65536, 1, 128) == 256
    assert chunks.chunk_steps(4096, 1, 128) == 64
    for shape in ((784, 32, 128), (65536, 8, 1024), (1024, 1, 1), (5000, 32, 128)):
        assert chunks.chunk_steps(*shape) == 0


def test_an_edited_kernel_is_summed_up_as_it_is(tmp_path):
    """A leak after the sum: linear in the state, with another derivative."""
    text = (source.KERNELS / "linear.cu").read_text()
    assert "return fma(a, h, b);" in text
    (tmp_path / "linear.cu").write_text(text.replace("return fma(a, h, b);", "return 0.5 * fma(a, h, b);"))
    (linear,) = (r for r in FIRST if r.name == "linear_recurrence")
    inputs = linear.make_inputs(37, 2, 6, torch.float32)
    with use_kernels(tmp_path):
        expected = with_gradients(F.linear_recurrence, inputs)
        with interpreted(8) as launches:
            actual = with_gradients(F.linear_recurrence, inputs)
    assert len(launches) == 6
    assert_close(actual, expected)


# Whose next state is neither linear in the state nor clamped: forward goes step by step.
BENT = {"indrnn-tanh", "indrnn-sigmoid", "sru-tanh", "sru-False", "indygru", "lif", "lif-True"}


def test_cells_that_are_bent_are_in_the_table():
    assert BENT.issubset(map(str, CHUNKED))


@pytest.mark.parametrize("recurrence", CHUNKED, ids=str)
def test_only_what_can_be_summed_up_is_cut_in_forward(recurrence):
    with interpreted(4) as launches:
        with_gradients(recurrence.function, recurrence.make_inputs(9, 1, 3, torch.float32))
    forward, backward = recurrence.kernels[0].name, recurrence.kernels[-1].name
    cut = [] if str(recurrence) in BENT else [f"{forward}_summary", "chunk_starts"]
    expected = [*cut, forward, f"{backward}_summary", "chunk_starts", backward]
    assert [launch.name for launch in launches] == expected


@pytest.mark.parametrize("recurrence", [r for r in CHUNKED if r.name != "indrnn"], ids=str)
def test_gated_recurrences_differ_by_their_rounding_alone(recurrence, sanitized):  # noqa: F811
    inputs = recurrence.make_inputs(4096, 1, 64, torch.float32)
    sequential = with_gradients(recurrence.function, inputs)
    with sanitized("none", like_gpu=True, chunk=64):
        chunked = with_gradients(recurrence.function, inputs)
    for a, e in zip(chunked, sequential, strict=True):
        assert (a - e).abs().max() <= 2e-6 * e.abs().max()
