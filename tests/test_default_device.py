"""Whatever torch's default device is: modules are made there, and data elsewhere stay where they are."""

from functools import partial

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import indrnn_cupy
from indrnn_cupy import functional

LAYERS = ["IndRNN", "IRevRNN", "MinGRU", "MinLSTM", "EGRU"]
MODULES = {name: partial(getattr(indrnn_cupy, name), 3, 6, num_layers=2) for name in LAYERS} | {
    "both directions": partial(indrnn_cupy.IndRNN, 3, 6, bidirectional=True),
    "learned h0": partial(indrnn_cupy.MinGRU, 3, 6, learned_h0=True, longest_memory=9),
    "plain": partial(indrnn_cupy.PlainNetwork, 3, 6, 2, dropout=0.1, bound=1.1),
    "step": partial(indrnn_cupy.PlainNetwork, 3, 6, 2, norm="step", max_steps=9),
    "layer": partial(indrnn_cupy.PlainNetwork, 3, 6, 2, norm="layer", norm_first=True),
    "residual": partial(indrnn_cupy.ResidualNetwork, 3, 6, 1, recurrence=indrnn_cupy.EGRURecurrence, zoneout=0.1),
    "dense": partial(indrnn_cupy.DenseNetwork, 3, 2, (1,), differences=True),
    "reversible": partial(indrnn_cupy.ReversibleNetwork, 3, 6, 1),
}
EVERY = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


@EVERY
def test_modules_are_made_on_meta_and_then_have_values(make):
    with torch.device("meta"):
        module = make()
        assert all(t.is_meta for t in (*module.parameters(), *module.buffers()))
        y = module(torch.randn(7, 2, 3))[0]
    assert y.is_meta and y.shape[:2] == (7, 2)
    module = module.to_empty(device="cpu")
    module.load_state_dict(make().state_dict())
    assert module(torch.randn(7, 2, 3))[0].isfinite().all()


@EVERY
def test_data_on_a_cpu_stay_there(make):
    module, x, lengths = make(), torch.randn(7, 2, 3), torch.tensor([7, 4])
    packed = pack_sequence([x[:, 0], x[:4, 1]])
    with torch.device("meta"), indrnn_cupy.record_activity(module):
        for given in (lengths, [7, 4]):
            y, *_, state = module(x, lengths=given)
            (y.square().sum() + indrnn_cupy.recurrent_penalty(module)).backward()
        indrnn_cupy.clamp_recurrent_(module)
        module.eval()
        if not getattr(module, "bidirectional", False) and "step" not in str(make.keywords.values()):
            module.step(x[0], state)
        packed = module(packed)[0]
    assert y.device.type == packed.data.device.type == "cpu"
    assert all(p.grad.isfinite().all() for p in module.parameters())
    torch.testing.assert_close(indrnn_cupy.last_step(y, lengths), torch.stack((y[6, 0], y[3, 1])))


@pytest.mark.parametrize("name", ["indrnn", "linear_recurrence"])
def test_functions_of_tensors_on_a_cpu(name):
    x, a = torch.randn(7, 2, 3), torch.rand(3)
    with torch.device("meta"):
        y, _ = getattr(functional, name)(*((x, a) if name == "indrnn" else (a.expand_as(x), x)), lengths=[7, 4])
    assert y.device.type == "cpu" and not y[4:, 1].any()
