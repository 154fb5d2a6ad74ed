"""What users of torch.nn expect of a recurrent module: names, a place in Sequential, resets as TorchRL marks them."""

import pytest
import torch
from torch import nn

from indrnn_cupy import LRU, IndRNN, IndyLSTM, MinGRU, OutputOnly


def test_nonlinearity_names_the_activation():
    torch.manual_seed(0)
    ours = IndRNN(3, 5, 2, "tanh")  # by position, as in torch.nn.RNN
    torch.manual_seed(0)
    named = IndRNN(3, 5, 2, nonlinearity="tanh")
    x = torch.randn(4, 2, 3)
    assert torch.equal(ours(x)[0], named(x)[0])
    assert all(recurrence.activation == "tanh" for recurrence in named.recurrences)
    with pytest.raises(ValueError, match="tan"):
        IndRNN(3, 5, nonlinearity="tan")


def test_stands_in_a_sequential():
    recurrent = IndRNN(4, 6, batch_first=True)
    model = nn.Sequential(nn.Linear(3, 4), OutputOnly(recurrent), nn.ReLU(), nn.Linear(6, 2))
    x = torch.randn(2, 7, 3)
    expected = model[3](recurrent(model[0](x))[0].relu())
    assert torch.equal(model(x), expected)
    model(x).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert OutputOnly(nn.LSTM(3, 4))(x).shape == (2, 7, 4)
    lengths = torch.tensor([7, 2])
    assert torch.equal(OutputOnly(recurrent)(torch.ones(2, 7, 4), lengths=lengths)[1, 2:], torch.zeros(5, 6))


@pytest.mark.parametrize("layer", [IndRNN, MinGRU, IndyLSTM, LRU])
def test_resets_are_is_init_of_torchrl(layer):
    """A rollout (B, T) in which is_init marks the first step of each episode, against one step after the other."""
    policy = layer(3, 8, num_layers=2, batch_first=True, dtype=torch.float64)
    observations = torch.randn(4, 12, 3, dtype=torch.float64)
    is_init = torch.rand(4, 12, 1) < 0.25
    is_init[:2, 0] = True  # the others go on from an earlier rollout
    _, carried = policy(torch.randn(4, 5, 3, dtype=torch.float64))
    y, last = policy(observations, carried, resets=is_init.squeeze(-1))

    def reset(state, rows):
        states = state if isinstance(state, tuple) else (state,)
        states = tuple(torch.where(rows[None, :, None], 0.0, s) for s in states)
        return states if isinstance(state, tuple) else states[0]

    state, steps = carried, []
    for t in range(12):
        y_t, state = policy.step(observations[:, t], reset(state, is_init[:, t, 0]))
        steps.append(y_t)
    torch.testing.assert_close(y, torch.stack(steps, 1), rtol=0, atol=1e-12)
    torch.testing.assert_close(last, state, rtol=0, atol=1e-12)
