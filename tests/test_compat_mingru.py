"""Scripts that use minGRU_pytorch, the import line changed; values and gradients of its equations."""

import pytest
import torch
from closeness import error

import indrnn_cupy
from indrnn_cupy.compat.minGRU_pytorch import minGRU, minLSTM


def g(x):
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


def loop(module, x, h):
    """The equations of Feng et al., appendix B, step by step."""
    states = []
    for x_t in x.unbind(1):
        if isinstance(module, minLSTM):
            c, f, i = module.to_hidden_and_f_i_gate(x_t).chunk(3, -1)
            take = torch.sigmoid(i) / (torch.sigmoid(f) + torch.sigmoid(i))
        else:
            c, z = module.to_hidden_and_gate(x_t).chunk(2, -1)
            take = torch.sigmoid(z)
        h = (1 - take) * h + take * g(c)
        states.append(h)
    return module.to_out(torch.stack(states, 1)), h.unsqueeze(1)


@pytest.mark.parametrize("kind", [minGRU, minLSTM])
@pytest.mark.parametrize("options", [{}, {"expansion_factor": 1.5}, {"proj_out": True}], ids=str)
def test_values_and_gradients_are_those_of_a_loop(kind, options):
    module = kind(6, **options).double()
    units = int(6 * options.get("expansion_factor", 1))
    x, prev = torch.randn(3, 9, 6).double().requires_grad_(), torch.rand(3, 1, units).double().requires_grad_()
    ours = module(x, prev, return_next_prev_hidden=True)
    expected = loop(module, x, prev.squeeze(1))
    assert error(ours, expected) < 1e-12
    inputs = x, prev, *module.parameters()
    found = [torch.autograd.grad(sum(t.sin().sum() for t in outputs), inputs) for outputs in (ours, expected)]
    assert error(*found) < 1e-12


def test_readme():
    from indrnn_cupy.compat.minGRU_pytorch.minGRU import minGRU as one
    from indrnn_cupy.compat.minGRU_pytorch.minLSTM import minLSTM as other

    assert one is minGRU and other is minLSTM
    min_gru = minGRU(512)
    x = torch.randn(2, 1024, 512)
    assert min_gru(x).shape == x.shape
    min_gru = minGRU(dim=64, expansion_factor=1.5)
    x, prev_hidden = torch.randn(1, 200, 64), None
    parallel_out = min_gru(x)[:, -1:]
    for token in x.unbind(dim=1):
        sequential_out, prev_hidden = min_gru(token[:, None, :], prev_hidden, return_next_prev_hidden=True)
    assert torch.allclose(parallel_out, sequential_out, atol=1e-4)


@pytest.mark.parametrize("kind", [minGRU, minLSTM])
def test_state_dicts(kind):
    for units, dim in ((6, 6), (29, 100), (9, 6)):
        module = kind(dim, (units + 0.5) / dim, proj_out=units != dim)
        again = kind.from_weights(module.state_dict())
        x = torch.randn(2, 5, dim)
        assert torch.equal(again(x), module(x))
    with pytest.raises(ValueError, match=r"to_out\.weight is a projection .* use indrnn_cupy\.compat\.minGRU_pytorch"):
        getattr(indrnn_cupy, kind.__name__.replace("min", "Min")).from_weights(module.state_dict())
    with pytest.raises(ValueError, match="the weights are a; expected to_hidden_and"):
        kind.from_weights({"a": torch.ones(3)})


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match=r"x has shape \(5, 6\), expected \(B, T, 6\)"):
        minGRU(6)(torch.randn(5, 6))
    with pytest.raises(ValueError, match=r"prev_hidden has shape \(2, 6\), expected \(2, 1, 6\)"):
        minGRU(6)(torch.randn(2, 5, 6), torch.zeros(2, 6))
    with pytest.raises(ValueError, match="without proj_out the output has 9 units, expected 6, like x"):
        minGRU(6, 1.5, proj_out=False)
    with pytest.raises(ValueError, match="expected at least one unit"):
        minGRU(6, 0.1)
