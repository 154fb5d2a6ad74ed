"""Weights that are computed from other parameters: bounds hold, or it is said why not."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from indrnn_cupy import EGRU, IndRNNRecurrence, PlainNetwork, clamp_recurrent_, recurrences, spread_memory_

BEYOND = [-1.1, -0.8, 0.1, 0.5, 0.8, 1.2]


class Half(nn.Module):
    def forward(self, half):
        return 2 * half

    def right_inverse(self, whole):
        return whole / 2


class Exponential(nn.Module):  # without a right inverse
    def forward(self, x):
        return x.exp()


def recurrence(bound=0.8, **options):
    module = IndRNNRecurrence(6, bound=bound, **options)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(BEYOND))
    return module


@pytest.mark.parametrize(
    "register",
    [
        parametrizations.weight_norm,
        lambda m: parametrizations.weight_norm(m, dim=None),
        lambda m: parametrize.register_parametrization(m, "weight", Half()),
    ],
)
def test_bounds_reach_the_parameters_behind_a_weight(register):
    module = recurrence()
    register(module)
    clamp_recurrent_(module)
    torch.testing.assert_close(module.weight, torch.tensor(BEYOND).clamp(-0.8, 0.8))
    module.weight.sum().backward()
    torch.optim.SGD(module.parameters(), 1e-9).step()  # what an optimizer steps from is what was clamped
    torch.testing.assert_close(module.weight, torch.tensor(BEYOND).clamp(-0.8, 0.8))


def test_thresholds_are_brought_back_through_a_parametrization():
    layer = EGRU(3, 6).recurrences[0]
    parametrize.register_parametrization(layer, "thr", Half())
    with torch.no_grad():
        layer.parametrizations.thr.original.copy_(torch.tensor(BEYOND))
    clamp_recurrent_(layer)
    torch.testing.assert_close(layer.thr, (2 * torch.tensor(BEYOND)).clamp(0, 1))


def test_weights_that_cannot_be_brought_back_are_an_error_with_a_remedy():
    module = recurrence(bound=0.4)
    parametrizations.spectral_norm(module)  # of length 1, whatever it is set to
    with pytest.raises(
        RuntimeError, match=r"stays outside \[-0.4, 0.4\]; compute with the clamped weight .*clamp=True"
    ):
        clamp_recurrent_(module)
    module = recurrence()
    parametrize.register_parametrization(module, "weight", Exponential())
    with pytest.raises(RuntimeError, match=r"does not implement right_inverse.*clamp=True"):
        clamp_recurrent_(module)
    module = recurrence()
    prune.l1_unstructured(module, "weight", 1)
    with pytest.raises(RuntimeError, match=r"computed by a hook.*clamp=True"):
        clamp_recurrent_(module)
    module = recurrence(clamp=True)
    parametrize.register_parametrization(module, "weight", Exponential())
    assert module.clamped_weight().max() <= 0.8


def test_what_is_within_its_bounds_stays_whatever_computes_it():
    module = recurrence(bound=1.2)
    parametrizations.spectral_norm(module)
    before = module.eval().weight.clone()
    clamp_recurrent_(module)
    assert torch.equal(module.weight, before)


def test_first_values_reach_the_parameters_behind_a_weight():
    network = PlainNetwork(3, 6, 2, bound=1.1)
    *_, last = recurrences(network)
    parametrize.register_parametrization(last, "weight", Half())
    torch.manual_seed(1)
    last.reset_parameters()
    torch.manual_seed(1)
    torch.testing.assert_close(last.weight, torch.empty(6).uniform_(1 / 1.1, 1.1))
    with pytest.raises(ValueError, match="u is computed from other tensors"):
        spread_memory_(last.weight, 9)
