"""Random shapes, types, layouts, lengths, resets and directions against the reference: values and every gradient."""

import hypothesis
import pytest
import torch
from closeness import assert_close
from hypothesis import strategies as st

from indrnn_cupy.check.recurrences import RECURRENCES, with_gradients
from indrnn_cupy.ops.sequence import TYPES

pytestmark = pytest.mark.usefixtures("device")


def lay_out(x, layout):
    """The same sequence with other strides."""
    if layout == "permuted":
        return x.transpose(0, 1).contiguous().transpose(0, 1)
    if layout == "sliced":
        T, B, H = x.shape
        return x.new_zeros(T + 1, 2 * B, H + 3)[1:, ::2, 2 : 2 + H].copy_(x)
    return x


@st.composite
def cases(draw):
    T, B, H = draw(st.integers(0, 40)), draw(st.integers(0, 9)), draw(st.integers(0, 140))
    return {
        "recurrence": draw(st.sampled_from(RECURRENCES)),
        "shape": (T, B, H),
        "dtype": draw(st.sampled_from(list(TYPES))),
        "layout": draw(st.sampled_from(["contiguous", "permuted", "sliced"])),
        "initial_state": draw(st.booleans()),
        "lengths": draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B)),
        "resets": draw(st.booleans()),
        "reverse": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**31)),
    }


def check(case):
    torch.manual_seed(case["seed"])
    T, B, _ = case["shape"]
    recurrence = case["recurrence"]
    inputs = recurrence.make_inputs(*case["shape"], case["dtype"])
    inputs = inputs if case["initial_state"] else inputs[: -recurrence.states]
    options = {
        "lengths": None if case["lengths"] is None else torch.tensor(case["lengths"], dtype=torch.int64),
        "resets": torch.rand(T, B) < 0.2 if case["resets"] else None,
        "reverse": case["reverse"],
    }
    laid_out = tuple(lay_out(t, case["layout"]) if t.dim() == 3 else t for t in inputs)
    actual = with_gradients(recurrence.function, laid_out, **options)
    assert_close(actual, with_gradients(recurrence.reference, inputs, **options))


settings = hypothesis.settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)


@hypothesis.settings(settings, max_examples=100, derandomize=True)
@hypothesis.given(cases())
def test_random_cases(case):
    check(case)


@pytest.mark.slow
@hypothesis.settings(settings, max_examples=2000)
@hypothesis.given(cases())
def test_two_thousand_random_cases(case):
    check(case)
