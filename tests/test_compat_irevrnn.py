"""Scripts that use torch_irevrnn of irevrnn, the import line changed: its page's network, its code's recurrence."""

import copy
import pickle

import pytest
import torch
from closeness import error


def test_irevrnn_readme():
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN, IRevRNN_CUDA

    model = IRevRNN(input_size=10, hidden_size=64, num_layers=2)
    output, hidden = model(torch.randn(32, 20, 10))
    assert output.shape == (32, 20, 64) and hidden.shape == (2, 32, 64)
    torch.testing.assert_close(output[:, -1], hidden[1])
    assert IRevRNN(10, 64, 2)(torch.randn(2, 3, 10))[0].shape == (2, 3, 64)
    again = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    x = torch.randn(2, 3, 10)
    assert type(again) is IRevRNN and isinstance(again, IRevRNN) and torch.equal(again(x)[0], model(x)[0])
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


@pytest.mark.parametrize("rev_len", [1, 3, 14])
def test_values_and_gradients_are_those_of_a_loop(rev_len):
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN

    rnn = IRevRNN(5, rev_len).double()
    for weight in rnn.parameters():
        torch.nn.init.uniform_(weight, -0.5, 0.5)
    z, h_0, c_0 = (torch.randn(shape).double().requires_grad_() for shape in ((7, 2, 5), (2, 5), (2, 5)))
    h, c, expected = h_0, c_0, []
    for z_t in z.unbind():
        h = rnn.ind_weights * h
        for a, b in zip(rnn.hidden_weights, rnn.cell_weights, strict=True):
            c = c + a * torch.tanh(h)
            h = h + b * torch.tanh(c)
        h = torch.relu(z_t + h)
        expected.append(h)
    outputs = rnn(z, h_0, c_0), torch.stack(expected)
    assert error([outputs[0]], [outputs[1]]) < 1e-12
    inputs = (z, h_0, c_0, *rnn.parameters())
    assert error(*(torch.autograd.grad(y.sin().sum(), inputs) for y in outputs)) < 1e-12


def test_attributes_and_flatten():
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN

    rnn = IRevRNN(12, rev_len=2, ind_act_typ_str="sigmoid")
    assert isinstance(rnn, IRevRNN) and not isinstance(torch.nn.Linear(2, 2), IRevRNN)
    assert (rnn.hidden_size, rnn.rev_len, rnn.ind_act_typ, rnn.res_act_typ) == (12, 2, 2, 1)
    z, h_0, c_0 = torch.randn(5, 3, 4, 3), torch.randn(3, 4, 3), torch.randn(3, 4, 3)
    flat = rnn(z.flatten(2), h_0.flatten(1), c_0.flatten(1))
    assert torch.equal(rnn(z, h_0, c_0, flatten=True), flat.view(5, 3, 4, 3))
    torch.nn.init.ones_(rnn.hidden_weights)
    rnn.reset_parameters()
    assert rnn.hidden_weights.abs().max() < 1e-6 and 0 < rnn.ind_weights.min() < rnn.ind_weights.max() < 1


def test_what_does_not_fit_is_said():
    from indrnn_cupy.compat.torch_irevrnn import IRevRNN

    rnn, stack = IRevRNN(12, 2), IRevRNN(3, 12, 2)
    for z in (torch.randn(5, 12), torch.randn(5, 2, 11)):
        with pytest.raises(ValueError, match=r"z has shape .*, expected \(T, B, 12\)$"):
            rnn(z)
    with pytest.raises(ValueError, match="or more dimensions with flatten=True"):
        rnn(torch.randn(5, 2, 4, 3))
    for x in (torch.randn(5, 3), torch.randn(5, 2, 4)):
        with pytest.raises(ValueError, match=r"x has shape .*, expected \(B, T, 3\)"):
            stack(x)
    with pytest.raises(ValueError, match=r"rev_len is 64, expected 1 to 14; .* input_size=10, hidden_size=64"):
        IRevRNN(10, 64)
    with pytest.raises(ValueError, match="ind_act_typ_str is 'elu', expected one of relu, tanh, sigmoid"):
        IRevRNN(12, 2, "elu")
