"""Scripts that use IndRNN_pytorch, the import line changed: its recurrence, its cell, its checkpoints."""

import pytest
import torch
from closeness import error

from indrnn_cupy import functional as F
from indrnn_cupy.compat.cuda_IndRNN_onlyrecurrent import IndRNN_onlyrecurrent as CudaIndRNN
from indrnn_cupy.compat.IndRNN_onlyrecurrent import IndRNN_onlyrecurrent, IndRNNCell_onlyrecurrent


def test_indrnn_onlyrecurrent():
    from indrnn_cupy.compat.cuda_IndRNN_onlyrecurrent import IndRNN_onlyrecurrent as IndRNN
    from indrnn_cupy.compat.cuda_IndRNN_onlyrecurrent import cuda_IndRNN_onlyrecurrent

    assert cuda_IndRNN_onlyrecurrent is IndRNN
    rnn = IndRNN(hidden_size=7)
    x, h0 = torch.randn(5, 3, 7), torch.randn(3, 7)
    h, expected = h0, []
    for x_t in x:
        h = torch.relu(x_t + rnn.weight_hh * h)
        expected.append(h)
    torch.testing.assert_close(rnn(x, h0), torch.stack(expected))
    torch.testing.assert_close(rnn(x, h0[None]), torch.stack(expected))
    torch.testing.assert_close(rnn(x[0], h0), expected[0])
    for name, param in rnn.named_parameters():
        if "weight_hh" in name:
            param.data.uniform_(0, 0.5)
    assert rnn.weight_hh.max() <= 0.5


def test_gradients_are_clipped_as_there():
    rnn = CudaIndRNN(4, gradclipvalue=0.1, recurrent_init=torch.nn.init.ones_)
    x = torch.rand(6, 2, 4, requires_grad=True)
    (rnn(x) * torch.linspace(-1, 1, 6)[:, None, None]).sum().backward()
    assert rnn.weight_hh.grad.abs().max() <= 0.1 and x.grad.abs().max() == 0.1 and x.grad.abs().min() <= 0.1


@pytest.mark.parametrize("key", ["weight_hh", "indrnn_cell.weight_hh", "cells.0.weight_hh"])
def test_checkpoints_of_both_indrnn_versions(key):
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), IndRNN_onlyrecurrent(4))
    weight = torch.rand(4)
    network.load_state_dict({"0.weight": torch.zeros(4, 3), "0.bias": torch.zeros(4), f"1.{key}": weight})
    assert torch.equal(network[1].weight_hh, weight)


def test_arguments_of_the_two_versions():
    assert torch.equal(IndRNN_onlyrecurrent(4, torch.nn.init.ones_).weight_hh, torch.ones(4))
    with pytest.raises(TypeError, match="gradclipvalue is True, expected a number"):
        CudaIndRNN(4, True)
    with pytest.raises(TypeError, match="recurrent_init is True, expected a function"):
        IndRNN_onlyrecurrent(4, True)


def test_the_cell_is_one_step():
    cell = IndRNNCell_onlyrecurrent(4, hidden_max_abs=1.0, recurrent_init=torch.nn.init.ones_).double()
    x, h = torch.randn(2, 3, 4).double()
    assert error([cell(x, h)], [torch.relu(x + h)]) < 1e-12
    assert cell.hidden_size == 4 and IndRNN_onlyrecurrent(4, hidden_max_abs=2.0).hidden_size == 4
    with pytest.raises(ValueError, match=r"input has shape \(2, 3, 4\), expected \(B, 4\)"):
        cell(torch.randn(2, 3, 4), h)


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 4), (1, 4, 3)])
def test_a_state_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"h0 has shape .*, expected \(3, 4\) or \(1, 3, 4\)"):
        CudaIndRNN(4)(torch.randn(5, 3, 4), torch.randn(shape))


def test_gradients_are_those_of_a_loop():
    rnn = IndRNN_onlyrecurrent(6).double()
    x, h0 = torch.randn(9, 3, 6).double().requires_grad_(), torch.randn(3, 6).double().requires_grad_()
    h, expected = h0, []
    for x_t in x.unbind():
        h = torch.relu(x_t + rnn.weight_hh * h)
        expected.append(h)
    found = (torch.autograd.grad(y.sin().sum(), (x, h0, rnn.weight_hh)) for y in (rnn(x, h0), torch.stack(expected)))
    assert error(*found) < 1e-12


def test_plain_functions_are_what_runs():
    """The adapters add nothing: the same bits as the functions."""
    rnn, x = IndRNN_onlyrecurrent(9), torch.randn(6, 2, 9)
    assert torch.equal(rnn(x), F.indrnn(x, rnn.weight_hh)[0])
