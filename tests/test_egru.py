"""EGRU: every output and gradient, two forms, zoneout and DropConnect, layers, weights of EvNN, activity."""

import itertools

import pytest
import torch
from closeness import error
from evnn import evnn, evnn_checkpoint

from indrnn_cupy import (
    EGRU,
    EGRURecurrence,
    PlainNetwork,
    ReversibleNetwork,
    activity_penalty,
    clamp_recurrent_,
    record_activity,
    reference,
)
from indrnn_cupy import functional as F
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.functional.checks import flat
from indrnn_cupy.ops import egru_forms

MODES = ("subtract_threshold", "subtract_output", "none")


def make_inputs(T, B, H, dtype=torch.float64):
    """Cells on both sides of their thresholds, and near them."""
    x, R, b = torch.randn(T, B, 3 * H), torch.randn(H, 3 * H) / H**0.5, torch.randn(3 * H) / 4
    states = torch.rand(B, H) * torch.rand(B, H).round(), torch.randn(B, H) / 2, torch.rand(B, H)
    return [t.to(dtype) for t in (x, R, b, torch.rand(H) / 2, *states)]


def with_gradients(function, inputs, **options):
    """All seven outputs and the gradient of every input; the same random numbers each time."""
    leaves = [t.detach().requires_grad_() for t in inputs]
    torch.manual_seed(1)
    outputs = list(flat(function(*leaves, **options)))
    cotangents = [torch.randn(o.shape, dtype=torch.float64).to(o.dtype) for o in outputs]
    return [t.detach() for t in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


@pytest.mark.parametrize("some", [False, True], ids=["whole", "lengths and resets"])
@pytest.mark.parametrize(("zoneout", "training"), [(0.0, True), (0.3, True), (0.3, False)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["events", "dense"])
def test_every_output_and_gradient_in_float64(form, mode, zoneout, training, some):
    T, B, H = 30, 5, 50
    inputs = make_inputs(T, B, H)
    options = {"reset_mode": mode, "zoneout": zoneout, "training": training}
    options |= {"dampening_factor": 0.6, "pseudo_derivative_support": 1.7}
    if some:
        options |= {"lengths": torch.tensor([30, 0, 17, 29, 1]), "resets": torch.rand(T, B) < 0.1, "reverse": True}
    expected = with_gradients(reference.egru, inputs, **options)
    assert 0.02 < expected[2].mean() < 0.5  # events, and steps without
    assert error(with_gradients(F.egru, inputs, form=form, **options), expected) < 1e-12
    if form == "events":
        inputs[0], options["batch_first"] = inputs[0].transpose(0, 1).contiguous(), True
        if some:
            options["resets"] = options["resets"].t()
        expected = with_gradients(reference.egru, inputs, **options)
        assert error(with_gradients(F.egru, inputs, **options), expected) < 1e-12


@pytest.mark.parametrize("H", [1, 8, 9, 1023, 1030])
def test_any_number_of_units(H):
    """Below and above the units of one list, and of the rows that are added at once."""
    inputs = make_inputs(3, 2, H)
    assert error(with_gradients(F.egru, inputs, form="events"), with_gradients(reference.egru, inputs)) < 1e-12


def test_a_narrow_slope_leaves_units_out():
    """The rows of R that backward does not read are those without a part in the gradient."""
    inputs = make_inputs(20, 4, 60)
    options = {"pseudo_derivative_support": 20.0}
    y, (h, _, _), _ = F.egru(*inputs)
    share = egru_forms.needed(y, h, inputs[3], torch.tensor(20.0), None)
    assert 0.02 < share < 0.4
    lengths = torch.tensor([20, 0, 20, 0])  # padding, where cells are 0, counts for nothing
    assert egru_forms.needed(y, h, inputs[3], torch.tensor(20.0), lengths) < 0.4
    assert error(with_gradients(F.egru, inputs, form="events", **options),
                 with_gradients(reference.egru, inputs, **options)) < 1e-12  # fmt: skip


@pytest.mark.parametrize("form", ["events", "dense"])
def test_without_a_threshold_it_is_a_gru(form):
    """With a threshold below every cell and no reset, the output is the hidden state of torch.nn.GRU."""
    H = 12
    gru = torch.nn.GRU(5, H).double()
    x = torch.randn(15, 3, 5).double()

    def ours():
        r, z, n = gru.weight_ih_l0.chunk(3)
        kernel = torch.cat((z, r, n))
        order = torch.cat((torch.arange(H, 2 * H), torch.arange(H), torch.arange(2 * H, 3 * H)))
        projected = x @ kernel.t() + gru.bias_ih_l0[order]
        threshold = torch.full((H,), -10.0).double()
        return F.egru(projected, gru.weight_hh_l0[order].t(), gru.bias_hh_l0[order], threshold,
                      reset_mode="none", form=form)[0]  # fmt: skip

    results = []
    for y in (gru(x)[0], ours()):
        results.append([y, *torch.autograd.grad(y.pow(3).sum(), list(gru.parameters()))])
    assert error(results[1], results[0]) < 1e-12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["events", "dense"])
def test_two_parts_that_carry_the_state_are_one(form, mode):
    x, *weights = make_inputs(20, 3, 40, torch.float32)[:4]
    whole = [*flat(F.egru(x, *weights, reset_mode=mode, form=form))]
    first = [*flat(F.egru(x[:7], *weights, reset_mode=mode, form=form))]
    second = [*flat(F.egru(x[7:], *weights, *first[4:], reset_mode=mode, form=form))]
    parts = [torch.cat(pair) for pair in zip(first[:4], second[:4], strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(whole, [*parts, *second[4:]], strict=True))


def test_float32_flips_few_events():
    """Rounding decides where a cell is within it of its threshold; until then the two are the same."""
    inputs = make_inputs(200, 48, 100)
    double, single = (F.egru(*(t.to(d) for t in inputs)) for d in (torch.float64, torch.float32))
    flips = (double[1][1] != single[1][1].double()).flatten(2).any(-1)  # (T, B)
    before = flips.cumsum(0) == 0
    assert before.float().mean() > 0.9
    assert (double[0] - single[0])[before].abs().max() < 1e-4


def test_zoneout_keeps_a_share_by_torchs_random_numbers():
    x, R, b, theta = make_inputs(100, 10, 200)[:4]
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        runs.append(F.egru(x, R, b, theta, zoneout=0.25, reset_mode="none")[1][0])
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    h = torch.cat((torch.zeros(1, 10, 200).double(), runs[0]))
    kept = (h[1:] == h[:-1]).double()
    assert abs(kept.mean() - 0.25) < 0.003
    for dim in (0, 1, 2):  # neighbours are independent
        left, right = kept.narrow(dim, 0, kept.shape[dim] - 1), kept.narrow(dim, 1, kept.shape[dim] - 1)
        assert abs(torch.corrcoef(torch.stack((left.flatten(), right.flatten())))[0, 1]) < 0.02


def test_zoneout_is_the_same_on_a_gpu():
    inputs = make_inputs(5, 2, 40, torch.float32)
    expected = with_gradients(F.egru, inputs, zoneout=0.3, form="events")
    with interpreted():
        actual = with_gradients(F.egru, inputs, zoneout=0.3, form="events")
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


def test_drop_connect_leaves_weights_out_for_a_whole_sequence():
    layer = EGRURecurrence(30, drop_connect=0.4).double()
    x = torch.randn(12, 3, 90).double()
    torch.manual_seed(3)
    y = layer(x)[0]
    torch.manual_seed(3)
    dropped = torch.nn.functional.dropout(layer.recurrent_kernel, 0.4)
    assert torch.equal(y, F.egru(x, dropped, layer.recurrent_bias, layer.thr)[0])
    y.square().sum().backward()
    gone = dropped == 0
    assert 0.3 < gone.double().mean() < 0.5 and not layer.recurrent_kernel.grad[gone].any()
    assert torch.equal(layer.eval()(x)[0], F.egru(x, layer.recurrent_kernel, layer.recurrent_bias, layer.thr)[0])


def test_gradients_in_evaluation():
    layer = EGRU(4, 9, 2, zoneout=0.2, dropout=0.2).eval()
    layer(torch.randn(7, 3, 4))[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_a_checkpoint_of_evnn_loads(prefix):
    saved, layer = evnn_checkpoint(3, 8), EGRU(3, 8, batch_first=True).double()
    module = torch.nn.ModuleDict({"encoder": layer}) if prefix else layer
    module.load_state_dict({prefix + name: t for name, t in saved.items()})
    x, y0 = torch.randn(11, 2, 3).double(), torch.rand(2, 8).double()
    state = (y0[None], *torch.zeros(2, 1, 2, 8).double())
    y, others, _ = layer(x.transpose(0, 1), state)
    weights = [saved[name] for name in ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")]
    actual = [t.transpose(0, 1) for t in (y, *others)]
    assert error(actual, evnn(x, *weights, y0)) < 1e-12
    assert layer.recurrences[0].dampening_factor == 0.5 and layer.recurrences[0].pseudo_derivative_support == 2
    again = EGRU(3, 8).double()
    again.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match=r"size mismatch for projections\.0\.weight"):
        EGRU(4, 8).load_state_dict(evnn_checkpoint(3, 8))


@pytest.mark.parametrize(("bidirectional", "batch_first"), [*itertools.product([False, True], repeat=2)])
def test_layers_take_what_torchs_do(bidirectional, batch_first):
    layer = EGRU(3, 6, 2, batch_first=batch_first, bidirectional=bidirectional).double()
    lengths = [5, 1, 7]
    rows = [torch.randn(n, 3).double() for n in lengths]
    y, (h, o, trace), state = layer(torch.nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))
    for number, row in enumerate(rows):
        alone = [*flat(layer(row))]
        for packed, expected in zip((y, h, o, trace), alone[:4], strict=True):
            padded, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
            torch.testing.assert_close(padded[number, : len(row)], expected)
        for s, expected in zip(state, alone[4:], strict=True):
            torch.testing.assert_close(s[:, number], expected)
    if not bidirectional:
        x, before = torch.stack(rows[:1]), None
        whole = layer(x if batch_first else x.transpose(0, 1))[0]
        for t in range(5):
            y_t, before = layer.step(x[:, t], before)
            torch.testing.assert_close(y_t[0], whole[0, t] if batch_first else whole[t, 0])


def test_first_values():
    layer = EGRU(4, 400, thr_mean=0.2, longest_memory=100)
    (projection,), (recurrence,) = layer.projections, layer.recurrences
    assert abs(recurrence.thr.mean() - 0.2) < 0.03 and recurrence.thr.min() > 0 and recurrence.thr.max() < 1
    assert abs(recurrence.recurrent_kernel.std() - (2 / 1600) ** 0.5) < 1e-3
    assert abs(projection.weight.std() - (2 / 1204) ** 0.5) < 3e-3
    keep = torch.sigmoid(projection.bias[:400])
    assert 40 < (1 / (1 - keep)).max() < 101 and not projection.bias[400:].any() and not recurrence.recurrent_bias.any()
    before = recurrence.thr.clone()
    layer.reset_parameters()
    assert not torch.equal(before, recurrence.thr)


def test_thresholds_stay_within_0_and_1():
    recurrence = EGRURecurrence(3)
    with torch.no_grad():
        recurrence.thr.copy_(torch.tensor([-0.5, 0.5, 1.5]))
    x = torch.randn(20, 4, 9)
    weights = recurrence.recurrent_kernel, recurrence.recurrent_bias
    y = recurrence(x)[0]
    assert torch.equal(y, F.egru(x, *weights, torch.tensor([0.0, 0.5, 1.0]))[0])
    y.sum().backward()
    assert recurrence.thr.grad.all()  # also beyond, so that it can come back
    clamp_recurrent_(recurrence)
    assert recurrence.thr.tolist() == [0.0, 0.5, 1.0]


def test_the_form_is_seen_and_chosen():
    inputs = make_inputs(6, 2, 10, torch.float32)
    for form, launches in (("events", 2), ("dense", 12)):
        with interpreted() as log:
            with_gradients(F.egru, inputs, form=form)
        assert len(log) == launches
    assert F.egru_form(32, 590, 0.1) == "events" and F.egru_form(128, 590, 0.9) == "dense"
    assert F.egru_form(1, 590, 1.0) == "events" and F.egru_form(32, 128, 1.0) == "events"


def test_six_numbers_a_unit_and_step_are_kept():
    x, *weights = make_inputs(50, 4, 30, torch.float32)[:4]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        F.egru(x.requires_grad_(), *weights)
    assert sum(t.numel() for t in kept if t.dim() == 3) == 6 * 50 * 4 * 30


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler itself
def test_layer_compiles_as_one_graph():
    torch._dynamo.reset()
    layer = EGRU(3, 8, zoneout=0.2, dropout=0.1)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(9, 2, 3)
    torch.manual_seed(0)
    expected = layer(x)[0]
    torch.manual_seed(0)
    torch.testing.assert_close(compiled(x)[0], expected)


@pytest.mark.parametrize("with_lengths", [False, True])
def test_activity_is_counted_and_drawn_to_a_target(with_lengths):
    network = PlainNetwork(3, 20, 2, recurrence=EGRURecurrence, pseudo_derivative_support=4.0, norm=None)
    x, lengths = torch.randn(15, 4, 3), torch.tensor([15, 3, 9, 0]) if with_lengths else None
    with record_activity(network) as activities:
        network(x, lengths=lengths)
    first = network.layers[0]
    recurrence = first.block.recurrence
    y, (h, o, _), _ = recurrence(first.projection(x * (o_mask(15, lengths) if with_lengths else 1)), lengths=lengths)
    steps = int(lengths.sum()) if with_lengths else 60
    torch.testing.assert_close(activities[0].events, o.sum() / (20 * steps))
    v = torch.where(o > 0, y, h)
    mask = o_mask(15, lengths) if with_lengths else torch.ones(15, 4, 1)
    near = ((v - recurrence.thr).abs() < 0.25) | (o > 0)
    torch.testing.assert_close(activities[0].support, (near * mask).sum() / (20 * steps))
    assert activities[1].dense_operations == 9 * 20 * 20
    of_second = 2 * activities[1].events + activities[1].support
    torch.testing.assert_close(activities[1].operations, 1200 * of_second.detach())
    penalty = activity_penalty(activities, 0.5)
    penalty.backward()
    assert len(activities) == 2 and penalty > 0 and recurrence.thr.grad.any()
    network(x)
    assert len(activities) == 2  # no longer recorded


def o_mask(T, lengths):
    return (torch.arange(T).unsqueeze(1) < lengths).float().unsqueeze(-1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: F.egru(a[0][..., 1:], *a[1:]), "expected a last dimension of 3 H for z, r and g; project it first"),
        (lambda a: F.egru(a[0], a[1].t(), *a[2:]), r"recurrent_kernel has shape \(12, 4\), expected \(4, 12\)"),
        (lambda a: F.egru(*a[:3], a[3][1:]), r"threshold has shape \(3,\), expected \(4,\)"),
        (lambda a: F.egru(*a[:5], a[5][1:]), r"cell0 has shape \(1, 4\), expected \(2, 4\)"),
        (lambda a: F.egru(*a, reset_mode="soft"), "reset_mode is 'soft', expected one of subtract_threshold"),
        (lambda a: F.egru(*a, form="sparse"), "form is 'sparse', expected events or dense"),
        (lambda a: F.egru(*a, zoneout=1.1), "zoneout is 1.1, expected a number from 0 to 1"),
        (
            lambda a: F.egru(*a, dampening_factor=torch.rand(4)),
            r"dampening_factor is \(4,\), torch.float32, on cpu",
        ),
        (lambda _: EGRU(3, 4, pseudo_derivative_support=0.0), "support is 0.0, expected a number above 0"),
        (lambda _: activity_penalty([], 0.1), "there is no activity; record it from a network that has an EGRU"),
        (lambda _: EGRU(3, 4, thr_mean=1.0), "thr_mean is 1.0, expected a number between 0 and 1"),
        (lambda _: EGRU(3, 4, dropout=-0.1), "drop_connect is -0.1, expected"),
        (lambda _: EGRU(3, 4, longest_memory=1), "longest_memory is 1, expected a number of steps"),
    ],
)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_inputs(3, 2, 4))


def test_nan_in_a_threshold_is_seen():
    x, R, b, theta = make_inputs(5, 2, 4)[:4]
    theta[1] = float("nan")
    y, (h, _, _), _ = F.egru(x, R, b, theta)
    assert y[:, :, 1].isnan().all() and h[:, :, 1].isnan().all()


def test_a_penalty_that_would_not_arrive_is_refused():
    network = ReversibleNetwork(3, 8, 1, recurrence=EGRURecurrence)
    with record_activity(network) as activities:
        network(torch.randn(5, 2, 3))
    with pytest.raises(ValueError, match="not all of these activities have gradients"):
        activity_penalty(activities, 0.1)


def test_parameters_and_slope_after_the_meta_device():
    layer = EGRU(3, 4, device="meta", pseudo_derivative_support=2.0).to_empty(device="cpu")
    layer.reset_parameters()
    assert layer.recurrences[0].pseudo_derivative_support == 2 and layer.recurrences[0].thr.isfinite().all()


def test_activity_of_nothing_is_0():
    layer = EGRU(3, 4)
    for x, lengths in ((torch.randn(5, 2, 3), torch.tensor([0, 0])), (torch.randn(0, 2, 3), None)):
        with record_activity(layer) as activities:
            layer(x, lengths=lengths)
        assert activities[0].events == 0 and activities[0].support == 0


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"the state is a Tensor, expected event0, cell0, trace0"):
        EGRU(3, 4)(torch.randn(5, 2, 3), torch.zeros(1, 2, 4))
    with pytest.raises(TypeError, match=r"the state is Tensor, expected a tuple \(event, cell, trace\)"):
        EGRURecurrence(4)(torch.randn(5, 2, 12), torch.zeros(2, 4))
