"""Scripts that use evnn_pytorch of EvNN, the import line changed: values, gradients, state dicts, attributes."""

from unittest import mock

import pytest
import torch
from closeness import error
from evnn import evnn as equations
from evnn import evnn_checkpoint

import indrnn_cupy.compat.evnn_pytorch as evnn


def test_readme():
    egru_layer = evnn.EGRU(128, 16, zoneout=0.0, batch_first=True, use_custom_cuda=True)
    y, (h, o, trace) = egru_layer(torch.rand([5, 25, 128]))
    assert y.shape == h.shape == o.shape == trace.shape == (5, 25, 16)


def test_state_dicts_both_ways():
    saved, layer = evnn_checkpoint(3, 8), evnn.EGRU(3, 8).double()
    layer.load_state_dict(saved)
    again = layer.state_dict()
    assert again.keys() == saved.keys() and all(torch.equal(again[name], saved[name]) for name in saved)
    x, y0 = torch.randn(11, 2, 3).double(), torch.rand(1, 2, 8).double()
    y, others = layer(x, y0)
    weights = [saved[name] for name in ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")]
    assert error([y, *others], equations(x, *weights, y0[0])) < 1e-12
    assert not layer(x, lengths=torch.tensor([11, 4]))[0][4:, 1].any()


class Spike(torch.autograd.Function):
    """An event, and the slope of EvNN's paper for it."""

    @staticmethod
    def forward(ctx, u, gamma, epsilon):
        ctx.save_for_backward(gamma * (1 - epsilon * u.abs()).clamp(min=0))
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


def loop(layer, x, y):
    """EvNN's equations step by step, by autograd."""
    h = trace = torch.zeros_like(y)
    outputs = []
    for x_t in x.unbind():
        a, q = x_t @ layer.kernel + layer.bias, y @ layer.recurrent_kernel + layer.recurrent_bias
        (a_z, a_r, a_g), (q_z, q_r, q_g) = a.chunk(3, -1), q.chunk(3, -1)
        z, g = torch.sigmoid(a_z + q_z), torch.tanh(a_g + torch.sigmoid(a_r + q_r) * q_g)
        v = z * h + (1 - z) * g
        o = Spike.apply(v - layer.thr, layer.dampening_factor, layer.pseudo_derivative_support)
        y, h = o * v, v - o * layer.thr
        trace = 0.9 * trace + 0.1 * y
        outputs.append((y, h, o, trace))
    return [torch.stack(sequence) for sequence in zip(*outputs, strict=True)]


@pytest.mark.parametrize("output", range(4))
def test_gradients_are_those_of_a_loop(output):
    layer = evnn.EGRU(3, 6, pseudo_derivative_support=0.8, thr_mean=0.2, weight_initialization_gain=2.0).double()
    x, state = torch.randn(9, 4, 3).double().requires_grad_(), torch.rand(1, 4, 6).double().requires_grad_()
    y, others = layer(x, state)
    inputs = x, state, *(p for p in layer.parameters() if p.requires_grad)
    found = ((y, *others)[output], loop(layer, x, state[0])[output])
    grads = [torch.autograd.grad(t.sin().sum(), inputs) for t in found]
    assert error(*grads) < 1e-12


def test_grad_clip_norm_shortens_all_but_the_input_s_gradient():
    free = evnn.EGRU(3, 6, thr_mean=0.2).double()
    clipped = evnn.EGRU(3, 6, grad_clip=0.5).double()
    clipped.load_state_dict(free.state_dict() | {"_max_norm": clipped._max_norm})
    x, state = torch.randn(9, 4, 3).double().requires_grad_(), torch.rand(1, 4, 6).double().requires_grad_()
    names = ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")

    def gradients(layer):
        y, _ = layer(x, state)
        return torch.autograd.grad(y.sum() * 10, (x, state, *(getattr(layer, name) for name in names)))

    whole, short = gradients(free), gradients(clipped)
    norm = torch.cat([g.flatten() for g in whole[1:]]).norm()
    assert norm > 0.5 and error(short[:1], whole[:1]) < 1e-12
    assert error(short[1:], [g * (0.5 / (norm + 1e-6)) for g in whole[1:]]) < 1e-12
    clipped.grad_clip_norm(False)
    assert error(gradients(clipped), whole) < 1e-12
    clipped.grad_clip_norm(norm=1e6)
    assert error(gradients(clipped), whole) < 1e-12
    with pytest.raises(ValueError, match=r"norm is -1\.0, expected a number above 0"):
        clipped.grad_clip_norm(norm=-1.0)


@pytest.mark.parametrize("output", range(4))
def test_a_validation_as_theirs(output):
    """Two forwards, with and without use_custom_cuda, then both backwards."""
    layer, x = evnn.EGRU(4, 8, zoneout=0.0, batch_first=True), torch.rand(10, 8, 4)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    y1 = layer(one)
    with mock.patch.object(layer, "use_custom_cuda", False):
        y2 = layer.forward(other)
    y1, y2 = (y[0] if output == 0 else y[1][output - 1] for y in (y1, y2))
    assert torch.allclose(y1, y2)
    y1.backward(torch.ones_like(y1), retain_graph=True)
    y2.backward(torch.ones_like(y2), retain_graph=True)
    assert torch.allclose(one.grad, other.grad, atol=1e-6)


def test_a_language_model_trains():
    """A script with EvNN's interface: what it reads of a layer, a state of the last event, clipped gradients."""
    words, layers = torch.nn.Embedding(11, 6), torch.nn.ModuleList([evnn.EGRU(6, 9, True), evnn.EGRU(9, 6, True)])
    for layer in layers:
        layer.grad_clip_norm(enable=True, norm=2.0)
    optimizer = torch.optim.AdamW((*words.parameters(), *layers.parameters()), 0.02)
    text, state, losses = torch.arange(24 * 5).reshape(5, 24) * 3 % 11, [None, None], []
    for _ in range(40):
        hidden, states, activity = words(text[:, :-1]), [], 0
        for number, layer in enumerate(layers):
            hidden, (c, o, _) = layer(hidden, state[number])
            distance = (c - layer.thr).abs()
            backward_sparsity = (distance > 1 / layer.pseudo_derivative_support).float().mean()
            assert 0 <= backward_sparsity <= 1
            activity = activity + o.mean()
            states.append(hidden[:, -1].unsqueeze(0).detach())
        state = states
        loss = torch.nn.functional.cross_entropy((hidden @ words.weight.t()).flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        (loss + 0.01 * activity).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_step_is_one_of_a_sequence():
    layer = evnn.EGRU(3, 6, batch_first=True).double()
    x = torch.randn(4, 7, 3).double()
    y, (h, o, _) = layer(x)
    event = cell = None
    for t in range(7):
        event, cell, spike = layer.step(x[:, t], event, cell)
        assert error([event, cell, spike], [y[:, t], h[:, t], o[:, t]]) < 1e-12


def test_attributes_and_native_weights():
    layer = evnn.EGRU(3, 6, dropout=0.2, zoneout=0.1, dampening_factor=0.6, weight_initialization_gain=1.5)
    assert (layer.dropout, layer.zoneout, layer.weight_initialization_gain) == (0.2, 0.1, 1.5)
    assert layer.use_custom_cuda and not layer.return_state_sequence and abs(float(layer.alpha) - 0.9) < 1e-6
    assert layer.bias.shape == layer.recurrent_bias.shape == (18,)
    assert abs(layer.dampening_factor.item() - 0.6) < 1e-6 and layer.pseudo_derivative_support.item() == 1
    native, other = layer.to_native_weights(), evnn.EGRU(3, 6)
    assert [tuple(weight.shape) for weight in native] == [(18, 3), (18, 6), (18,), (18,), (6,)]
    other.from_native_weights(*native)
    for name in ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr"):
        assert torch.equal(getattr(other, name), getattr(layer, name))
    with pytest.raises(ValueError, match="the weights do not have the shapes of this layer"):
        evnn.EGRU(3, 5).from_native_weights(*native)
    thresholds = layer.thr.clone()
    layer.reset_parameters()
    assert torch.equal(layer.thr, thresholds) and not torch.equal(layer.kernel, other.kernel)


def test_rates_of_one_and_what_does_not_fit():
    x = torch.randn(9, 4, 3)
    assert not evnn.EGRU(3, 6, zoneout=1.0)(x)[0].any()  # a cell stays as it was, 0
    layer = evnn.EGRU(3, 6, dropout=1.0)
    with torch.no_grad():
        expected = evnn.EGRU(3, 6)
        expected.load_state_dict(layer.state_dict() | {"recurrent_kernel": torch.zeros(6, 18)})
        assert torch.equal(layer(x)[0], expected(x)[0])
    for name in ("dropout", "zoneout"):
        with pytest.raises(ValueError, match=rf"{name} is 1\.1, expected a number from 0 to 1"):
            evnn.EGRU(3, 6, **{name: 1.1})
    with pytest.raises(ValueError, match=r"thr_mean is 0, expected a number between 0 and 1"):
        evnn.EGRU(3, 6, thr_mean=0)
    with pytest.raises(ValueError, match=r"input has shape \(9, 3\), expected three dimensions, the last 3"):
        layer(x[:, 0])
    with pytest.raises(ValueError, match=r"state has shape \(4, 6\), expected \(1, 4, 6\)"):
        layer(x, torch.zeros(4, 6))
