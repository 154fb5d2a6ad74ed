"""Whole networks of IndRNN_pytorch load, and give what they gave there: values and gradients, float64."""

import indrnn_pytorch as theirs
import pytest
import torch
from closeness import error

from indrnn_cupy import DenseNetwork, PlainNetwork, ResidualNetwork
from indrnn_cupy.compat.indrnn_pytorch import load_network

CASES = {
    "plain": (theirs.plain, (3, 8, 3, 5), PlainNetwork, {}),
    "plain, bn_before": (theirs.plain, (3, 8, 2, 5), PlainNetwork, {"norm_first": True}),
    "older plain": (theirs.older_plain, (3, 8, 3, 5), PlainNetwork, {}),
    "older plain without a GPU": (theirs.older_plain, (3, 8, 2, 5, "cells.0."), PlainNetwork, {}),
    "residual": (theirs.residual, (3, 8, 2, 5), ResidualNetwork, {}),
    "dense": (theirs.dense, (3, 4, (2, 1), 5), DenseNetwork, {}),
    "dense without a last layer": (theirs.dense, (3, 4, (2, 3), 5, 6, 1, False), DenseNetwork, {}),
    "dense, time_diff": (theirs.dense, (3, 4, (1, 2), 5, 4, 2), DenseNetwork, {"differences": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_gives_what_it_gave_there(case):
    make, sizes, kind, options = CASES[case]
    weights = {name: tensor.double().requires_grad_() for name, tensor in make(*sizes).items()}
    network, classifier = load_network(weights, norm_first="norm_first" in options, dropout=0.1)
    assert type(network) is kind
    network.eval()
    x = torch.randn(7, 2, 3).double()
    ours, x = x.clone().requires_grad_(), x.requires_grad_()
    expected = getattr(theirs.Network(weights, **options), make.__name__)(x)
    actual = classifier(network(ours)[0][-1])
    assert error([actual], [expected]) < 1e-12
    actual.square().sum().backward()
    expected.square().sum().backward()
    assert error([ours.grad], [x.grad]) < 1e-12
    for parameter in (*network.parameters(), *classifier.parameters()):
        (weight,) = (w for w in weights.values() if torch.equal(w, parameter))
        assert error([parameter.grad], [weight.grad]) < 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.clear(), "the weights are none"),
        (lambda w: w.pop("classifier.weight"), "expected those of a whole network"),
        (
            lambda w: w.pop("RNNs.1.indrnn1.weight_hh"),
            r"(?s)does not match a network of its sizes: .*recurrence\.weight",
        ),
        (lambda w: w.update({"RNNs.0.norm1.bns.0.weight": torch.ones(8)}), "statistics for each step"),
        (lambda w: w.update(extra=torch.ones(8)), r"(?s)does not match a network of its sizes: .*extra"),
        (lambda w: w.update({"DIs.1.fc.weight": torch.ones(8, 9)}), "does not match a network of its sizes"),
    ],
)
def test_what_does_not_fit_is_said(change, message):
    weights = theirs.plain(3, 8, 2, 5)
    change(weights)
    with pytest.raises(ValueError, match=message):
        load_network(weights)


def test_weights_of_data_parallel_and_what_are_no_weights():
    weights = theirs.plain(3, 8, 2, 5)
    network, _ = load_network({f"module.{name}": tensor for name, tensor in weights.items()})
    assert torch.equal(network.layers[1].projection.weight, weights["DIs.1.fc.weight"])
    for odd in ("a/path.pt", {"DIs.0.fc.weight": 3}):
        with pytest.raises(TypeError, match=r"the weights are a \w+, expected a state dict: names and tensors"):
            load_network(odd)


def test_a_dense_network_that_is_not_whole():
    weights = theirs.dense(3, 4, (2, 1), 5)
    del weights["features.denseblock1.denselayer1.fc2.fc.weight"]
    with pytest.raises(ValueError, match=r"the checkpoint lacks 'features.denseblock1.denselayer1.fc2.weight'"):
        load_network(weights)
