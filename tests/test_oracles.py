"""Recurrences against torch.nn and, where they are installed (`pip install -e ".[oracles]"`), other packages."""

import pytest
import torch

from indrnn_cupy import SRU, UnICORNN
from indrnn_cupy import functional as F

T, B, H = 23, 3, 5
pytestmark = pytest.mark.filterwarnings("ignore")  # of those packages


def close(actual, expected, leaves, of_gradients=1e-12):
    """The same outputs, and the same gradients for a random gradient of all."""
    gradients = []
    for outputs in (actual, expected):
        generator = torch.Generator().manual_seed(0)
        loss = sum((o * torch.randn(o.shape, dtype=o.dtype, generator=generator)).sum() for o in outputs)
        gradients.append(torch.autograd.grad(loss, leaves))
    for tolerance, pair in ((1e-12, (actual, expected)), (of_gradients, gradients)):
        for a, e in zip(*pair, strict=True):
            torch.testing.assert_close(a, e, rtol=0, atol=tolerance * max(1, e.abs().max().item()))


def leaves(*shapes):
    return [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_indylstm_and_indygru_are_those_of_torch_with_diagonal_matrices(kind):
    gates = {"LSTM": 4, "GRU": 3}[kind]
    x, u, bias, h0, c0 = leaves((T, B, gates * H), (gates, H), (H,), (B, H), (B, H))
    dense = getattr(torch.nn, kind)(gates * H, H).double()
    zeros = torch.zeros(2 * H, dtype=torch.float64)
    weights = {
        "weight_ih_l0": torch.eye(gates * H, dtype=torch.float64),
        "weight_hh_l0": torch.cat([row.diag() for row in u]),
        "bias_ih_l0": torch.zeros(gates * H, dtype=torch.float64),
        "bias_hh_l0": torch.cat((zeros, bias)) if kind == "GRU" else torch.zeros(gates * H, dtype=torch.float64),
    }
    state = (h0[None], c0[None]) if kind == "LSTM" else h0[None]
    y, last = torch.func.functional_call(dense, weights, (x, state))
    if kind == "LSTM":
        actual, (h_n, c_n) = F.indylstm(x, u, None, h0, c0)
        close((actual, h_n, c_n), (y, last[0][0], last[1][0]), (x, u, h0, c0))
    else:
        actual, h_n = F.indygru(x, u, bias, h0)
        close((actual, h_n), (y, last[0]), (x, u, bias, h0))


@pytest.mark.parametrize("input_size", [H, 4])
@pytest.mark.parametrize("use_tanh", [False, True])
def test_sru(input_size, use_tanh):
    sru = pytest.importorskip("sru")
    theirs = sru.SRU(input_size, H, 2, use_tanh=use_tanh).double()
    for weight in theirs.parameters():
        weight.data.normal_()
    ours = SRU.from_weights(theirs.state_dict(), activation="tanh" if use_tanh else "identity")
    (x,) = leaves((T, B, input_size))
    expected = theirs(x)
    close(ours(x), expected, (x,))
    v = [recurrence.v for recurrence in ours.recurrences]
    of_ours = torch.autograd.grad(ours(x)[0].sum(), v)
    of_theirs = torch.autograd.grad(theirs(x)[0].sum(), [layer.weight_c for layer in theirs.rnn_lst])
    for a, e in zip(of_ours, of_theirs, strict=True):
        torch.testing.assert_close(a.flatten(), e, rtol=1e-12, atol=1e-12)


def test_unicornn():
    torchrecurrent = pytest.importorskip("torchrecurrent")
    theirs = torchrecurrent.UnICORNN(4, H, num_layers=2, recurrent_bias=True, dt=0.2, alpha=0.7).double()
    (x,) = leaves((T, B, 4))
    ours = UnICORNN.from_weights(theirs.state_dict(), dt=0.2, alpha=0.7)
    y, (y_n, z_n) = ours(x)
    expected, (h_n, c_n) = theirs(x)
    close((y, y_n, z_n), (expected, h_n, c_n), (x,))


SLOPES = {"sigmoid": lambda s: s.Sigmoid(alpha=4.0), "arctan": lambda s: s.ATan(alpha=3.0)}


@pytest.mark.parametrize("surrogate", SLOPES)
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("v_reset", [None, 0.0, -0.25])
@pytest.mark.parametrize("decay_input", [False, True])
def test_lif_of_spikingjelly(decay_input, v_reset, detach, surrogate):
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    slopes = pytest.importorskip("spikingjelly.activation_based.surrogate")
    tau, threshold, slope = 2.5, 0.75, SLOPES[surrogate](slopes)
    options = {"surrogate_function": slope, "detach_reset": detach, "step_mode": "m", "store_v_seq": True}
    theirs = neuron.LIFNode(tau, decay_input, threshold, v_reset, **options)
    (x,) = leaves((T, B, H))
    spikes = theirs(2 * x)
    decay = torch.full((H,), 1 - 1 / tau, dtype=torch.float64)
    rest = v_reset or 0.0  # towards which their potential decays; ours is counted from it
    y, v_n = F.lif(
        *(2 * x, decay, torch.full_like(decay, threshold - rest)),
        gain=1 - decay if decay_input else None,
        reset="soft" if v_reset is None else "hard",
        surrogate=surrogate,
        steepness=4.0 if surrogate == "sigmoid" else 1.5,
        detach_reset=detach,
    )
    assert 0.05 < spikes.mean() < 0.95
    close((y, v_n + rest), (spikes, theirs.v), (x,))


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_lif_of_snntorch(reset):
    snntorch = pytest.importorskip("snntorch")
    slopes = pytest.importorskip("snntorch.surrogate")
    beta, threshold = 0.8, 0.5
    theirs = snntorch.Leaky(beta, threshold, slopes.atan(alpha=2.0), reset_mechanism=reset)
    (x,) = leaves((T, B, H))
    mem, outputs = torch.zeros(B, H, dtype=torch.float64), []
    for x_t in x.unbind():
        spike, mem = theirs(x_t, mem)
        outputs.append(torch.cat((spike, mem), -1))
    decay = torch.full((H,), torch.tensor(beta).item(), dtype=torch.float64)  # theirs is a float32 number
    y, _ = F.lif(
        *(x, decay, torch.full_like(decay, threshold)),
        reset="soft" if reset == "subtract" else "hard",
        reset_value=threshold / decay if reset == "subtract" else None,  # it is taken after the decay
        surrogate="arctan",
        detach_reset=True,
        membrane=True,
    )
    expected = torch.stack(outputs)
    assert 0.05 < expected[..., :H].mean() < 0.95
    close((y,), (expected,), (x,), of_gradients=1e-6)  # their spikes, and gradients of them, are float32


def test_linear_cells_are_sums():
    """With gates that do not depend on time: h_t = sum over s of a^(t - s) b_s."""
    x, a = torch.randn(T, B, H, dtype=torch.float64), torch.rand(H, dtype=torch.float64)
    powers = a ** (torch.arange(T)[:, None, None] - torch.arange(T)[None, :, None]).clamp(min=0)
    powers = powers * (torch.arange(T)[:, None, None] >= torch.arange(T)[None, :, None])
    gate = torch.zeros_like(x)

    def sums(b, kept=powers):
        return torch.einsum("tsh,sbh->tbh", kept, b)

    y, _ = F.rglru(torch.cat((x, gate, gate), -1), -2 * a.log())
    torch.testing.assert_close(y, sums((1 - a**2).sqrt() * x / 2), rtol=0, atol=1e-12)
    lower = 2 * a - 1
    y, _ = F.hgrn(torch.cat((x, gate), -1), lower)  # of any sign, for the test
    torch.testing.assert_close(y, sums((1 - a) * x), rtol=0, atol=1e-12)
    angle, k = torch.randn(H, dtype=torch.float64), torch.randn_like(x)
    numbers = torch.polar(a, angle)
    turned = numbers ** (torch.arange(T)[:, None, None] - torch.arange(T)[None, :, None]).clamp(min=0) * (powers > 0)
    expected = torch.einsum("tsh,sbh->tbh", turned, 0.5 * torch.complex(x, k))
    y, (h_n, k_n) = F.lru(torch.cat((x, k), -1), numbers.real, numbers.imag, torch.full_like(a, 0.5))
    torch.testing.assert_close(y, torch.cat((expected.real, expected.imag), -1), rtol=0, atol=1e-12)
    assert torch.equal(torch.cat((h_n, k_n), -1), y[-1])
    expected = torch.einsum("tsh,sbh->tbh", turned, (1 - a) * torch.complex(x, k))
    y, _ = F.hgrn_complex(torch.cat((x, k, gate), -1), lower, angle)
    torch.testing.assert_close(y, torch.cat((expected.real, expected.imag), -1), rtol=0, atol=1e-12)
