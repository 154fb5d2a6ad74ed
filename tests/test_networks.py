"""Every recurrence in every network of the classification tasks: its options arrive, and all of it learns."""

from itertools import product

import pytest
import torch

from indrnn_cupy import EGRURecurrence, IndRNNRecurrence, IRevRNNRecurrence, MinGRURecurrence, MinLSTMRecurrence
from tasks.config import TaskError
from tasks.networks import NetworkConfig, make_body
from tasks.optimization import make_optimizer

CLASSES = {
    "indrnn": IndRNNRecurrence,
    "irevrnn": IRevRNNRecurrence,
    "mingru": MinGRURecurrence,
    "minlstm": MinLSTMRecurrence,
    "egru": EGRURecurrence,
}
NETWORKS = ["plain", "residual", "dense", "reversible"]


@pytest.mark.parametrize(("model", "network"), list(product(CLASSES, NETWORKS)), ids="-".join)
def test_every_recurrence_in_every_network(model, network):
    config = NetworkConfig(model=model, network=network, hidden_size=4, num_layers=2, rev_len=2, stable=True)
    dense = {"block_config": (1, 1)}
    body = make_body(config, 3, 9, dense, norm="batch", norm_first=False)
    found = [m for m in body.modules() if isinstance(m, tuple(CLASSES.values()))]
    assert {type(m) for m in found} == {CLASSES[model]}
    if model == "irevrnn":
        assert all(m.rev_len == 2 and m.stable for m in found)
    y = body(torch.randn(9, 5, 3))
    assert y.shape == (9, 5, body.output_size)
    y.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in body.parameters())


def test_only_the_matrices_of_linear_layers_decay():
    body = make_body(NetworkConfig(model="irevrnn", hidden_size=4), 3, 9, {})
    decayed, others = (group["params"] for group in make_optimizer(body, NetworkConfig()).param_groups)
    names = {id(p): name for name, p in body.named_parameters()}
    assert all(names[id(p)].endswith("projection.weight") for p in decayed) and len(decayed) == 6
    assert len(decayed) + len(others) == len(names)


@pytest.mark.parametrize("setting", [{"rev_len": 0}, {"rev_len": 9}, {"model": "lstm"}, {"network": "round"}])
def test_settings_that_cannot_work_are_said(setting):
    (name,) = setting
    with pytest.raises(TaskError, match=f"--{name.replace('_', '-')} is .*, expected "):
        NetworkConfig(**setting).check()
