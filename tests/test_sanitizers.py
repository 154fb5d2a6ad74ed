"""Every kernel under AddressSanitizer, UBSan and ThreadSanitizer, in its form for a CPU and in that for a GPU."""

import pytest
import torch
from sanitizers import SanitizerError, sanitized  # noqa: F401

from indrnn_cupy.check.recurrences import RECURRENCES, with_gradients
from indrnn_cupy.runtime import Kernel

FORMS = {"CPU": {}, "GPU": {"like_gpu": True}, "chunks": {"like_gpu": True, "chunk": 4}}
FIRST = list({r.name: r for r in reversed(RECURRENCES)}.values())  # one cell of each


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sanitizer", ["memory", "threads"])
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_kernels_are_clean_and_give_the_same_bits(recurrence, sanitizer, form, dtype, sanitized):  # noqa: F811
    T, B, H = 13, 5, 70
    sequence, *rest = recurrence.make_inputs(T, B, H, dtype)
    wide = torch.zeros(T, B, 2 * H, dtype=dtype)
    for inputs, options in (
        ((sequence, *rest), {}),
        (
            (wide[..., :H].copy_(sequence), *rest),
            {"lengths": torch.tensor([13, 0, 5, 9, 1]), "resets": torch.rand(T, B) < 0.2, "reverse": True},
        ),
    ):
        expected = with_gradients(recurrence.function, inputs, **options)
        with sanitized(sanitizer, **FORMS[form]) as ran:
            actual = with_gradients(recurrence.function, inputs, **options)
        assert {kernel.name for kernel in recurrence.kernels} <= set(ran)
        if form != "chunks":
            assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))
