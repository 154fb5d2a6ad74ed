"""Every recurrence in every network of the classification tasks: its options arrive, and all of it learns."""

from itertools import product

import pytest
import torch
from torch.utils.data import TensorDataset

from indrnn_cupy import (
    EGRURecurrence,
    IndRNNRecurrence,
    IRevRNNRecurrence,
    MinGRURecurrence,
    MinLSTMRecurrence,
    PlainNetwork,
)
from tasks import evaluation
from tasks.config import TaskError
from tasks.networks import NetworkConfig, make_body
from tasks.optimization import make_optimizer
from tasks.task import Task

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
    sizes = {"hidden_size": 4, "num_layers": 2, "block_config": [1, 1]}
    body = make_body(NetworkConfig(model=model, network=network, rev_len=2, stable=True, **sizes), 3, 9, (0.5, 0.5))
    found = [m for m in body.modules() if isinstance(m, tuple(CLASSES.values()))]
    assert {type(m) for m in found} == {CLASSES[model]}
    if model == "irevrnn":
        assert all(m.rev_len == 2 and m.stable for m in found)
    y, _ = body(torch.randn(9, 5, 3))
    assert y.shape == (9, 5, body.output_size)
    y.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in body.parameters())


def test_only_the_matrices_of_linear_layers_decay():
    body = make_body(NetworkConfig(model="irevrnn", hidden_size=4), 3, 9, (0.5, 0.5))
    decayed, others = (group["params"] for group in make_optimizer(body, NetworkConfig()).param_groups)
    names = {id(p): name for name, p in body.named_parameters()}
    assert all(names[id(p)].endswith("projection.weight") for p in decayed) and len(decayed) == 6
    assert len(decayed) + len(others) == len(names)


@pytest.mark.parametrize("setting", [{"rev_len": 0}, {"rev_len": 15}, {"model": "rnn"}, {"network": "round"}])
def test_settings_that_cannot_work_are_said(setting):
    (name,) = setting
    with pytest.raises(TaskError, match=f"--{name.replace('_', '-')} is .*, expected "):
        NetworkConfig(**setting).check()


def test_a_process_without_samples_sums_as_much_as_the_others(monkeypatch):
    sizes = []
    monkeypatch.setattr(evaluation, "rank", lambda: 1)
    monkeypatch.setattr(evaluation, "world_size", lambda: 2)
    monkeypatch.setattr(evaluation, "total", lambda sums: sizes.append(len(sums)) or torch.ones_like(sums))
    samples = TensorDataset(torch.zeros(1, 3), torch.zeros(1))
    model = PlainNetwork(3, 4, 1, recurrence=EGRURecurrence)
    task = Task(model, samples, samples, samples, loss=torch.sub, score=torch.sub, metric="error", better="min")
    found = evaluation.evaluate(model, task, samples, NetworkConfig(), torch.device("cpu"))
    assert sizes == [3, 3] and {"activity", "support", "effective_operations"} <= found.values.keys()
