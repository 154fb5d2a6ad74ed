"""Networks with the shapes of torch.nn.RNN: directions, packed sequences, lengths, streaming."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

import indrnn_cupy

CASES = [(layers, both, first) for layers in (1, 2) for both in (False, True) for first in (False, True)]


def twins(num_layers, bidirectional, batch_first):
    """Our network and torch's with the same weights, the recurrent matrices diagonal."""
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first}
    ours = indrnn_cupy.IndRNN(3, 6, activation="tanh", dtype=torch.float64, **options)
    theirs = torch.nn.RNN(3, 6, dtype=torch.float64, **options)
    names = [f"l{i}{end}" for i in range(num_layers) for end in (["", "_reverse"] if bidirectional else [""])]
    with torch.no_grad():
        for name, projection, recurrence in zip(names, ours.projections, ours.recurrences, strict=True):
            getattr(theirs, f"weight_ih_{name}").copy_(projection.weight)
            getattr(theirs, f"bias_ih_{name}").copy_(projection.bias)
            getattr(theirs, f"weight_hh_{name}").copy_(torch.diag(recurrence.weight))
            getattr(theirs, f"bias_hh_{name}").zero_()
    return ours, theirs


def assert_equal(ours, theirs):
    for a, e in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_torch_rnn(case):
    ours, theirs = twins(*case)
    x, h0 = torch.randn(5, 5, 3).double(), torch.randn(len(ours.recurrences), 5, 6).double()
    assert_equal(ours(x, h0), theirs(x, h0))
    assert_equal(ours(x), theirs(x))
    assert_equal(ours(x[0], h0[:, 0]), theirs(x[0], h0[:, 0]))  # one sequence without a batch


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_packed_sequences_equal_torch_rnn(case, enforce_sorted):
    ours, theirs = twins(*case)
    lengths = [7, 5, 5, 1] if enforce_sorted else [5, 1, 7, 5]
    packed = pack_sequence([torch.randn(n, 3).double() for n in lengths], enforce_sorted)
    h0 = torch.randn(len(ours.recurrences), 4, 6).double()
    (y, h_n), (expected_y, expected_h_n) = ours(packed, h0), theirs(packed, h0)
    assert_equal((y.data, h_n), (expected_y.data, expected_h_n))
    assert_equal(pad_packed_sequence(y), pad_packed_sequence(expected_y))
    assert_equal((ours(packed)[1],), (theirs(packed)[1],))


def test_lengths_equal_packing():
    ours, _ = twins(2, True, False)
    x, lengths = torch.randn(7, 3, 3).double(), torch.tensor([4, 7, 2])
    y, h_n = ours(x, lengths=lengths)
    packed_y, packed_h_n = ours(pack_padded_sequence(x, lengths, enforce_sorted=False))
    assert_equal((y, h_n), (pad_packed_sequence(packed_y)[0], packed_h_n))


@pytest.mark.parametrize("batch_first", [True, False])
def test_steps_equal_the_run(batch_first):
    network = indrnn_cupy.IndRNN(3, 6, num_layers=2, batch_first=batch_first).double()
    x, state, outputs = torch.randn(9, 4, 3).double(), None, []
    for x_t in x:
        y_t, state = network.step(x_t, state)
        outputs.append(y_t)
    y, h_n = network(x.transpose(0, 1) if batch_first else x)
    assert_equal((torch.stack(outputs), state), (y.transpose(0, 1) if batch_first else y, h_n))
    recurrence = network.recurrences[0]
    h, x = None, torch.randn(9, 4, 6).double()
    for x_t in x:
        _, h = recurrence.step(x_t, h)
    assert torch.equal(h, recurrence(x.transpose(0, 1) if batch_first else x)[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n(torch.randn(5, 2, 7)), r"x has shape \(5, 2, 7\), expected 2 or 3 dimensions, the last of 3"),
        (lambda n: n(torch.randn(5, 2, 3), torch.randn(2, 4)), r"h0 has shape \(2, 4\), expected \(2, 2, 4\)"),
        (lambda n: n.step(torch.randn(2, 3)), "a bidirectional network needs the whole sequence"),
        (lambda n: n(pack_sequence([torch.randn(2, 3)]), lengths=torch.tensor([2])), "x is a PackedSequence"),
        (
            lambda n: n(torch.randn(5, 2, 3), lengths=torch.tensor([6, 1])),
            "lengths range from 1 to 6, expected 0 to T = 5",
        ),
        (lambda n: indrnn_cupy.IndRNN(3, 4, num_layers=0), "num_layers is 0"),
    ],
)
def test_says_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call(indrnn_cupy.IndRNN(3, 4, bidirectional=True))


def test_autocast_gives_16_bit_sequences_and_float32_gradients():
    network = indrnn_cupy.IndRNN(3, 6, num_layers=2)
    x = torch.randn(20, 4, 3)
    full = network(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        y, h_n = network(x)
    assert y.dtype == h_n.dtype == torch.bfloat16
    y.float().square().mean().backward()
    assert all(p.grad.dtype == torch.float32 for p in network.parameters())
    torch.testing.assert_close(y.float(), full, rtol=0, atol=0.03 * full.abs().max().item())


def test_exported_network_runs():
    network = indrnn_cupy.IndRNN(3, 6, num_layers=2, bidirectional=True)
    dimensions = {"x": {0: torch.export.Dim("T", min=2, max=100), 1: torch.export.Dim("B", min=2, max=100)}}
    exported = torch.export.export(network, (torch.randn(7, 2, 3),), dynamic_shapes=dimensions).module()
    for x in (torch.randn(7, 2, 3), torch.randn(11, 4, 3)):
        for a, e in zip(exported(x), network(x), strict=True):
            torch.testing.assert_close(a, e)
