"""Every barrier is needed: without it, the interpreter of PTX finds a race."""

import re

import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy import use_kernels
from indrnn_cupy.check.emulated_gpu import Fault
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.runtime import source

BARRIER = re.compile(r"__syncthreads\(\);")
BARRIERS = [
    (path.name, number)
    for path in sorted(source.KERNELS.glob("*.cu*"))
    if path.name != "dialect.cuh"  # which defines it for a CPU
    for number in range(len(BARRIER.findall(path.read_text())))
]
CASES = {
    "a few units are active, and a step is reset": (3, 40, [0, 20], [2]),
    "two lists of units, both empty": (2, 1025, [], [0]),  # no reset: the step before the first needs all units
}


def gradients(T, H, active, reset_at):
    """Those of a row whose units are silent, and far below their thresholds, but for the active ones."""
    x = torch.full((T, 1, 3 * H), -2.0)
    x[..., [2 * H + unit for unit in active]] = 2
    inputs = [x, torch.randn(H, 3 * H) / H, torch.zeros(3 * H), torch.full((H,), 0.3)]
    resets = torch.zeros(T, 1, dtype=torch.bool).index_fill(0, torch.tensor(reset_at), True)
    leaves = [t.requires_grad_() for t in inputs]
    y, *_ = F.egru(*leaves, resets=resets, form="events", pseudo_derivative_support=20.0)
    assert (y.detach() != 0).any(0).sum() == len(active)
    return [y.detach(), *torch.autograd.grad(y.sum(), leaves)]


@pytest.mark.parametrize("case", CASES)
def test_with_all_barriers_there_is_no_race(case):
    torch.manual_seed(0)
    expected = gradients(*CASES[case])
    torch.manual_seed(0)
    with interpreted():
        actual = gradients(*CASES[case])
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize(("file", "number"), BARRIERS)
def test_without_one_there_is_a_race(file, number, tmp_path):
    text = (source.KERNELS / file).read_text()
    barrier = list(BARRIER.finditer(text))[number]
    (tmp_path / file).write_text(text[: barrier.start()] + text[barrier.end() :])
    with use_kernels(tmp_path), interpreted(), pytest.raises(Fault, match="race: another warp"):
        for case in CASES.values():
            gradients(*case)
