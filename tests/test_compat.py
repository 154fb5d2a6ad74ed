"""The usage examples of the earlier projects' pages, the import line changed; their equations and checkpoints."""

import copy
import pickle

import numpy as np
import pytest
import torch
from closeness import error
from evnn import evnn, evnn_checkpoint

from indrnn_cupy import functional as F
from indrnn_cupy.compat.cuda_IndRNN_onlyrecurrent import IndRNN_onlyrecurrent as CudaIndRNN
from indrnn_cupy.compat.IndRNN_onlyrecurrent import IndRNN_onlyrecurrent


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


def test_irevrnn_readme():
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN, IRevRNN_CUDA

    model = IRevRNN(input_size=10, hidden_size=64, num_layers=2)
    output, hidden = model(torch.randn(32, 20, 10))
    assert output.shape == (32, 20, 64) and hidden.shape == (2, 32, 64)
    torch.testing.assert_close(output[:, -1], hidden[1])
    assert IRevRNN(10, 64, 2)(torch.randn(2, 3, 10))[0].shape == (2, 3, 64)
    again = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    x = torch.randn(2, 3, 10)
    assert type(again) is IRevRNN and torch.equal(again(x)[0], model(x)[0])
    assert IRevRNN(10, 6, num_layers=2).num_layers == 2
    model = IRevRNN_CUDA(input_size=10, hidden_size=128, num_layers=3, cuda_enabled=True)
    output, hidden = model(torch.randn(64, 50, 10))
    assert output.shape == (64, 50, 128) and hidden.shape == (3, 64, 128)


def test_irevrnn_of_the_code():
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN

    rnn = IRevRNN(6, 2, ind_act_typ_str="tanh", res_act_typ_str="sigmoid").double()
    weights = {"ind_weights": torch.rand(1, 6), "hidden_weights": torch.randn(2, 6), "cell_weights": torch.randn(2, 6)}
    rnn.load_state_dict({name: t.double() for name, t in weights.items()})
    z, h, c = torch.randn(5, 3, 6).double(), *torch.randn(2, 3, 6).double()
    actual = rnn(z, h, c)
    for z_t, out in zip(z, actual, strict=True):
        h = rnn.ind_weights * h
        for a, b in zip(rnn.hidden_weights, rnn.cell_weights, strict=True):
            c = c + a * torch.sigmoid(h)
            h = h + b * torch.sigmoid(c)
        h = torch.tanh(z_t + h)
        torch.testing.assert_close(out, h)
    assert (rnn(z) - rnn(z)).abs().max() > 0  # its first states are noise


def test_min_rnn_readme():
    from indrnn_cupy.compat.min_rnn.cuda_utils import CUDA_AVAILABLE
    from indrnn_cupy.compat.min_rnn.min_gru import MinGRUCell
    from indrnn_cupy.compat.min_rnn.min_gru_cuda import MinGRUCellCUDA
    from indrnn_cupy.compat.min_rnn.min_lstm import MinLSTMCell
    from indrnn_cupy.compat.min_rnn.min_lstm_cuda import MinLSTMCellCUDA

    assert torch.cuda.is_available() == CUDA_AVAILABLE
    np.random.seed(0)
    x_seq, h0 = np.random.random((5, 10)), np.random.random(20)
    for kind, cuda in ((MinGRUCell, MinGRUCellCUDA), (MinLSTMCell, MinLSTMCellCUDA)):
        cell, other = kind(input_size=10, hidden_size=20), cuda(input_size=10, hidden_size=20)
        h, expected = h0, []
        for x_t in x_seq:
            *gates, candidate = (x_t @ getattr(cell, f"linear_{g}").weights.T for g in cell.gates)
            shares = [1 / (1 + np.exp(-gate)) for gate in gates]
            take = shares[-1] / (1 if len(shares) == 1 else sum(shares))
            np.testing.assert_allclose(cell.forward(x_t, h), (1 - take) * h + take * candidate)
            h = (1 - take) * h + take * candidate
            expected.append(h)
        np.testing.assert_allclose(cell.process_sequence(x_seq, h0), expected)
        np.testing.assert_allclose(cell.process_sequence_parallel(x_seq, h0), expected)
        for gate in cell.gates:
            getattr(other, f"linear_{gate}").weights = getattr(cell, f"linear_{gate}").weights
        found = other.process_sequence(x_seq, h0)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert len(cell.process_sequence(x_seq, h0, 3)) == 3
    with pytest.raises(ValueError, match=r"x has shape \(5, 9\) and h0 \(20,\), expected \(T, 10\) and \(20,\)"):
        MinGRUCell(10, 20).process_sequence(x_seq[:, 1:], h0)


def test_evnn_readme():
    import indrnn_cupy.compat.evnn_pytorch as evnn

    egru_layer = evnn.EGRU(128, 16, zoneout=0.0, batch_first=True, use_custom_cuda=True)
    y, (h, o, trace) = egru_layer(torch.rand([5, 25, 128]))
    assert y.shape == h.shape == o.shape == trace.shape == (5, 25, 16)
    with pytest.raises(ValueError, match=r"grad_clip is 2\.0; call torch"):
        evnn.EGRU(3, 4, grad_clip=2.0)


def test_evnn_checkpoint_and_state():
    from indrnn_cupy.compat.evnn_pytorch import EGRU

    saved, layer = evnn_checkpoint(3, 8), EGRU(3, 8).double()
    layer.load_state_dict(saved)
    x, y0 = torch.randn(11, 2, 3).double(), torch.rand(1, 2, 8).double()
    y, others = layer(x, y0)
    weights = [saved[name] for name in ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")]
    assert error([y, *others], evnn(x, *weights, y0[0])) < 1e-12
    assert torch.equal(layer.kernel, saved["kernel"]) and torch.equal(layer.thr, saved["thr"])
    assert torch.equal(layer.recurrent_kernel, saved["recurrent_kernel"])
    assert not layer(x, lengths=torch.tensor([11, 4]))[0][4:, 1].any()


def test_arguments_of_the_two_versions():
    assert torch.equal(IndRNN_onlyrecurrent(4, torch.nn.init.ones_).weight_hh, torch.ones(4))
    with pytest.raises(TypeError, match="gradclipvalue is True, expected a number"):
        CudaIndRNN(4, True)
    with pytest.raises(TypeError, match="recurrent_init is True, expected a function"):
        IndRNN_onlyrecurrent(4, True)


def test_plain_functions_are_what_runs():
    """The adapters add nothing: the same bits as the functions."""
    rnn, x = IndRNN_onlyrecurrent(9), torch.randn(6, 2, 9)
    assert torch.equal(rnn(x), F.indrnn(x, rnn.weight_hh)[0])
