"""One graph for sequences of any length and batches of any size, under torch.compile and torch.export."""

from functools import partial

import pytest
import torch
import torch._dynamo
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

import indrnn_cupy

pytestmark = [  # what torch's compiler itself does
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
]
LAYERS = ["IndRNN", "IRevRNN", "MinGRU", "MinLSTM", "EGRU"]
irevrnn = indrnn_cupy.IRevRNNRecurrence  # whose memory depends on the length
MODULES = {name: partial(getattr(indrnn_cupy, name), 3, 6, num_layers=2) for name in LAYERS} | {
    "plain": partial(indrnn_cupy.PlainNetwork, 3, 6, 2, recurrence=irevrnn),
    "residual": partial(indrnn_cupy.ResidualNetwork, 3, 6, 1, recurrence=irevrnn),
    "dense": partial(indrnn_cupy.DenseNetwork, 3, 2, (1,), recurrence=irevrnn, differences=True),
    "reversible": partial(indrnn_cupy.ReversibleNetwork, 3, 6, 1, recurrence=irevrnn),
}
EVERY = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@EVERY
def test_compiles_once_for_all_sizes(make, request):
    module = make().double()
    reversible = isinstance(module, indrnn_cupy.ReversibleNetwork)  # whose couplings run outside of the graphs
    compiled = torch.compile(module, fullgraph=not reversible, dynamic=True, backend="aot_eager")
    counts = []
    for T, B in ((5, 4), (7, 3), (64, 2), (130, 5), (300, 2)):
        x = torch.randn(T, B, 3, dtype=torch.float64, requires_grad=True)
        lengths = torch.randint(1, T + 1, (B,))
        lengths[0] = T
        grads = []
        for called in (compiled, module):
            y = called(x, lengths=lengths)[0]
            grads.append((y, *torch.autograd.grad(y.square().sum(), (x, *module.parameters()))))
        for actual, expected in zip(*grads, strict=True):
            torch.testing.assert_close(actual, expected)
        counts.append(graphs())
    assert counts[-1] == counts[0] and (reversible or counts[0] == 1)


@EVERY
def test_exports_for_all_sizes(make):
    module = make().eval()
    sizes = {"x": {0: torch.export.Dim("T", min=2, max=4096), 1: torch.export.Dim("B", min=2, max=64)}}
    exported = torch.export.export(module, (torch.randn(7, 2, 3),), dynamic_shapes=sizes).module()
    for T, B in ((2, 2), (11, 4), (300, 3)):
        x = torch.randn(T, B, 3)
        torch.testing.assert_close(exported(x)[0], module(x)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_packed_sequences_are_compiled(name):
    module = getattr(indrnn_cupy, name)(3, 6)
    compiled = torch.compile(module, dynamic=True, backend="aot_eager")
    for lengths in ([5, 2, 7], [4, 9, 1, 1]):
        packed = pack_sequence([torch.randn(n, 3) for n in lengths], enforce_sorted=False)
        actual, expected = compiled(packed)[0], module(packed)[0]
        for a, e in zip(pad_packed_sequence(actual), pad_packed_sequence(expected), strict=True):
            torch.testing.assert_close(a, e)
