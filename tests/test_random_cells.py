"""Random recurrences: values and every gradient against a loop in PyTorch."""

from functools import partial

import pytest
import torch
from closeness import error
from random_cells import INPUT, STATE, WEIGHT, Cell, random_cell
from torch import Tensor

import indrnn_cupy
from indrnn_cupy.check.recurrences import flat, with_gradients
from indrnn_cupy.runtime import compiler

T, B, H = 5, 2, 9
TOLERANCE = 1e-12  # of the largest value of a tensor


def loop(cell: Cell, *tensors: Tensor, lengths=None, resets=None, reverse=False) -> tuple[Tensor, ...]:
    n, m = len(cell.inputs), len(cell.inputs) + len(cell.weights)
    x, weights, states = tensors[:n], tensors[n:m], tensors[m:]
    states, ys = states or [torch.zeros_like(x[0][0]) for _ in cell.states], [None] * T
    for t in reversed(range(T)) if reverse else range(T):
        before = states if resets is None else [s.masked_fill(resets[t][:, None], 0) for s in states]
        y, after = cell.step(*(part[t] for part in x), *weights, *before)
        valid = torch.ones(B, 1, dtype=bool) if lengths is None else (t < lengths)[:, None]
        ys[t] = torch.where(valid, y, 0)
        states = [torch.where(valid, a, s) for a, s in zip(after, states, strict=True)]
    return torch.stack(ys), *states


def kernels(cell: Cell, *tensors: Tensor, **options) -> tuple[Tensor, ...]:
    m = len(cell.inputs) + len(cell.weights)
    initial = {f"{name}0": tensor for name, tensor in zip(cell.states, tensors[m:], strict=False)}
    return flat(indrnn_cupy.recurrence(source=cell.source)(*tensors[:m], **initial, **options))


def some() -> bool:
    return bool(torch.rand(()) < 0.5)


def check(seed: int) -> float:
    """The error of a random cell, of the largest value of a tensor."""
    cell = random_cell(seed)
    torch.manual_seed(seed)
    parts = [(cell.inputs, (T, B, H), INPUT), (cell.weights, (H,), WEIGHT)]
    parts += [(cell.states, (B, H), STATE)] * (torch.rand(()) < 0.8)
    tensors = [size * (2 * torch.rand(shape, dtype=torch.float64) - 1) for names, shape, size in parts for _ in names]
    options = {
        "lengths": torch.randint(T + 1, (B,)) if some() else None,
        "resets": torch.rand(T, B) < 0.3 if some() else None,
        "reverse": some(),
    }
    actual, expected = (with_gradients(partial(f, cell), tensors, **options) for f in (kernels, loop))
    found = error(actual, expected, least=1e-4)  # e / e has a gradient that is rounding alone
    assert found <= TOLERANCE, f"seed {seed}: an error of {found:.1e} with {options}\n{cell.source}"
    return found


@pytest.mark.parametrize("seed", range(6))
def test_random_cells(seed):
    check(seed)


@pytest.fixture
def quick_compiler(monkeypatch):
    monkeypatch.setattr(compiler, "FLAGS", tuple("-O1" if flag == "-O3" else flag for flag in compiler.FLAGS))
    compiler.flags.cache_clear()
    yield
    compiler.flags.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000))
def test_a_thousand_random_cells(seed, quick_compiler):
    print(f"error {check(seed):.1e}")
