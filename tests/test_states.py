"""States of layers and networks: two parts and single steps equal one run, in any types, with the gradients."""

from functools import partial

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

import indrnn_cupy
from indrnn_cupy.functional.checks import flat

LAYERS = ["IndRNN", "IRevRNN", "MinGRU", "MinLSTM", "EGRU"]
LATER = ["SRU", "QRNN", "IndyLSTM", "IndyGRU", "UnICORNN", "RGLRU", "HGRN", "LRU", "LIF"]
RECURRENCES = {name: getattr(indrnn_cupy, f"{name}Recurrence") for name in LAYERS}
NETWORKS = {
    "plain": partial(indrnn_cupy.PlainNetwork, 3, 6, 2),
    "residual": partial(indrnn_cupy.ResidualNetwork, 3, 6, 1),
    "dense": partial(indrnn_cupy.DenseNetwork, 3, 2, (2, 1), 3),
    "differences": partial(indrnn_cupy.DenseNetwork, 3, 2, (1,), 3, differences=True),
    "reversible": partial(indrnn_cupy.ReversibleNetwork, 3, 6, 2),
}
MODULES = {name: partial(getattr(indrnn_cupy, name), 3, 6, num_layers=2) for name in LAYERS}
MODULES |= {
    f"{network}-{name}": partial(make, recurrence=r)
    for network, make in NETWORKS.items()
    for name, r in RECURRENCES.items()
}
PARAMETERS = [pytest.param(make, id=name) for name, make in MODULES.items()]
for name in LATER:
    recurrence = getattr(indrnn_cupy, f"{name}Recurrence")
    marks = [] if name in ("SRU", "LRU", "LIF") else pytest.mark.slow
    PARAMETERS.append(pytest.param(partial(getattr(indrnn_cupy, name), 3, 6, num_layers=2), id=name, marks=marks))
    for network, make in NETWORKS.items():
        of_later = partial(make, recurrence=recurrence)
        marks = [] if (network, name) == ("plain", "LRU") else pytest.mark.slow
        PARAMETERS.append(pytest.param(of_later, id=f"{network}-{name}", marks=marks))
EVERY = pytest.mark.parametrize("make", PARAMETERS)


def evaluated(make):
    """In double precision, with running statistics that differ from unit to unit."""
    module = make().double()
    for m in module.modules():
        if isinstance(m, torch.nn.BatchNorm1d):
            m.running_mean.normal_(), m.running_var.uniform_(0.5, 2)
    return module.eval()


def detached(state):
    return state.detach() if isinstance(state, torch.Tensor) else tuple(map(detached, state))


@EVERY
def test_two_parts_and_steps_equal_one_run(make):
    module, x = evaluated(make), torch.randn(10, 4, 3, dtype=torch.float64)
    lengths, resets = torch.tensor([10, 7, 5, 9]), torch.rand(10, 4) < 0.2
    y, *_, last = module(x, lengths=lengths, resets=resets)
    first, *_, state = module(x[:6], lengths=lengths.clamp(max=6), resets=resets[:6])
    second, *_, state = module(x[6:], state, lengths=(lengths - 6).clamp(min=0), resets=resets[6:])
    for a, e in zip(flat([torch.cat((first, second)), state]), flat([y, last]), strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=1e-13)
    y, *_, last = module(x)
    state, outputs = None, []
    for x_t in x:
        y_t, state = module.step(x_t, state)
        outputs.append(y_t)
    for a, e in zip(flat([torch.stack(outputs), state]), flat([y, last]), strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=1e-13)
    alone, *_, state = module(x[:, 1])  # without a batch
    torch.testing.assert_close(alone, y[:, 1], rtol=0, atol=1e-13)
    one, state = module.step(x[0, 1], state)
    torch.testing.assert_close(one, module.step(x[0], last)[0][1], rtol=0, atol=1e-13)


@EVERY
def test_gradients_of_two_parts_equal_those_of_one_run(make):
    """What reaches the first part by way of the state, which truncated backpropagation through time cuts off."""
    module, x = evaluated(make), torch.randn(8, 3, 3, dtype=torch.float64, requires_grad=True)
    wanted = [x, *(p for p in module.parameters())]
    y, *_, last = module(x)
    whole = torch.autograd.grad(sum(t.sin().sum() for t in flat([y, last])), wanted)
    first, *_, state = module(x[:5])
    second, *_, state = module(x[5:], state)
    parts = torch.autograd.grad(sum(t.sin().sum() for t in flat([first, second, state])), wanted)
    for a, e in zip(parts, whole, strict=True):
        torch.testing.assert_close(a, e, rtol=1e-10, atol=1e-12)
    _, *_, state = module(x[:5])
    second, *_ = module(x[5:], detached(state))
    (grad,) = torch.autograd.grad(second.sin().sum(), x)
    assert not grad[:5].any()


@EVERY
def test_packed_sequences_and_the_last_valid_step(make):
    module = evaluated(make)
    rows = [torch.randn(n, 3, dtype=torch.float64) for n in (4, 9, 1, 6)]
    *_, start = module(torch.randn(2, 4, 3, dtype=torch.float64))
    padded, lengths = torch.nn.utils.rnn.pad_sequence(rows), torch.tensor([4, 9, 1, 6])
    y, *_, last = module(padded, start, lengths=lengths)
    packed, *_, state = module(pack_sequence(rows, enforce_sorted=False), start)
    again, n = pad_packed_sequence(packed)
    assert torch.equal(n, lengths)
    for a, e in zip(flat([again, state]), flat([y, last]), strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=1e-13)
    found = indrnn_cupy.last_step(y, lengths)
    for row, x in enumerate(rows):
        alone = indrnn_cupy.last_step(module(x[:, None], each_row(start, row, type(module)))[0])
        torch.testing.assert_close(found[row : row + 1], alone, rtol=0, atol=1e-13)


def each_row(state, row, kind):
    if isinstance(state, torch.Tensor):
        rows = slice(row, row + 1)
        return state[:, rows] if issubclass(kind, indrnn_cupy.layers.stack.RecurrentStack) else state[rows]
    return tuple(each_row(part, row, kind) for part in state)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_last_step_of_rows_with_and_without_steps(batch_first):
    x = torch.randn(5, 3, 2)
    given = x.transpose(0, 1) if batch_first else x
    last = indrnn_cupy.last_step(given, torch.tensor([5, 0, 2]), batch_first=batch_first)
    assert torch.equal(last, torch.stack((x[4, 0], torch.zeros(2), x[1, 2])))
    assert torch.equal(indrnn_cupy.last_step(given, batch_first=batch_first), x[-1])
    initial = torch.randn(3, 2)
    assert torch.equal(indrnn_cupy.last_step(given, [0, 0, 0], batch_first=batch_first, initial=initial), initial)
    assert torch.equal(indrnn_cupy.last_step(x[:0], initial=initial), initial)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16], ids=str)
def test_a_state_of_autocast_goes_on_in_float32(name, narrow):
    layer, x = getattr(indrnn_cupy, name)(3, 6), torch.randn(6, 2, 3)
    with torch.autocast("cpu", narrow):
        *_, state = layer(x[:3])
    assert all(s.dtype == narrow for s in flat([state]))
    wide = state.float() if isinstance(state, torch.Tensor) else tuple(s.float() for s in state)
    assert torch.equal(layer(x[3:], state)[0], layer(x[3:], wide)[0])
    leaves = [s.detach().requires_grad_() for s in flat([state])]
    layer(x[3:], leaves[0] if isinstance(state, torch.Tensor) else tuple(leaves))[0].sum().backward()
    assert all(leaf.grad.dtype == narrow for leaf in leaves)


def test_a_number_is_the_length_of_one_sequence():
    layer, x = indrnn_cupy.IndRNN(3, 6), torch.randn(7, 3)
    resets = torch.arange(7) == 2
    for n in (4, torch.tensor(4), torch.tensor([4])):
        y, h_n = layer(x, lengths=n, resets=resets)
        alone, last = layer(x[:4], resets=resets[:4])
        torch.testing.assert_close((y[:4], h_n), (alone, last))
        assert not y[4:].any()


def test_what_is_no_state_is_said():
    network, x = indrnn_cupy.PlainNetwork(3, 6, 2), torch.randn(5, 2, 3)
    with pytest.raises(TypeError, match=r"the state is a Tensor, expected a tuple of 2, .*pass lengths by name"):
        network(x, torch.tensor([5, 2]))  # lengths, where the state is expected
    with pytest.raises(TypeError, match="the state is a tuple of 1, expected a tuple of 2"):
        network(x, (torch.zeros(2, 6),))
    with pytest.raises(ValueError, match=r"a tensor of shape \(3, 6\), expected a batch of 2"):
        network(x, (torch.zeros(3, 6), None))
    with pytest.raises(TypeError, match=r"h0 is torch.float64 but x is torch.float32"):
        network(x, (torch.zeros(2, 6, dtype=torch.float64), None))
    packed = pack_sequence([torch.randn(2, 3), torch.randn(3, 3)], enforce_sorted=False)
    with pytest.raises(ValueError, match=r"a tensor of shape \(5, 6\), expected a batch of 2"):
        network(packed, (torch.zeros(5, 6), None))
    with pytest.raises(ValueError, match=r"x holds steps of shape \(4,\), expected \(3,\)"):
        network(pack_sequence([torch.randn(2, 4)]))
    for sequence in (x, x[:, 0]):
        with pytest.raises(TypeError, match="the state holds a str"):
            network(sequence, "state")
    network = indrnn_cupy.PlainNetwork(3, 6, 1, norm="step", max_steps=9)
    with pytest.raises(ValueError, match=r"norm='step' has statistics for each step, .*cannot continue from a state"):
        network(x, network(x)[1])


def test_a_dense_network_s_state_without_the_last_input():
    network, x = evaluated(NETWORKS["differences"]), torch.randn(4, 2, 3, dtype=torch.float64)
    _, state = network(x)
    assert not torch.equal(network(x, (None, *state[1:]))[0], network(x)[0])


def test_what_does_not_fit_last_step_is_said():
    x = torch.randn(4, 3, 2)
    for lengths in (torch.tensor([4, 1, 2], dtype=torch.int16), [4, 1, 2]):
        assert torch.equal(indrnn_cupy.last_step(x, lengths), x[[3, 0, 1], [0, 1, 2]])
    with pytest.raises(ValueError, match=r"lengths has shape \(1,\), expected \(3,\)"):
        indrnn_cupy.last_step(x, [2])
    with pytest.raises(ValueError, match="lengths range from -1 to 5"):
        indrnn_cupy.last_step(x, [5, -1, 2])
    with pytest.raises(ValueError, match=r"initial has shape \(1, 2\), expected \(3, 2\)"):
        indrnn_cupy.last_step(x[:0], initial=torch.zeros(1, 2))
    with pytest.raises(ValueError, match="resets has shape"):
        indrnn_cupy.with_differences(x, resets=torch.zeros(4, 1, dtype=bool))
