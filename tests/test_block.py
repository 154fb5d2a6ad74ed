"""recurrence -> norm -> dropout as one: the numbers and gradients of the modules one after the other, in every mode."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import indrnn_cupy
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import flat
from indrnn_cupy.layers import block
from indrnn_cupy.layers.block import ProjectedBlock, RecurrentBlock
from indrnn_cupy.ops import block_function
from indrnn_cupy.ops.cell_backward import block_backward_op
from indrnn_cupy.ops.cell_forward import block_forward_op
from indrnn_cupy.ops.norm import normalize_op, normalize_sums_op
from indrnn_cupy.runtime import host

HEAD = '#include "cell.cuh"\n'
OUTPUT = "INLINE auto f(Input auto x, Weight auto u, State auto h, State auto c) {"
OUTPUT += "const auto d = fma(u, c, tanh(x - h)); return states(0.5 * d + h * u, d).output(d * sigmoid(x + h)); }"
LEAKY = "INLINE auto f(Input auto x, Input auto r, Weight auto u, State auto h) {"
LEAKY += "return fma(sigmoid(r), tanh(fma(u, h, x)) - h, h); }"
CELLS = {
    "indrnn": indrnn_cupy.IndRNNRecurrence,
    "indrnn-tanh": partial(indrnn_cupy.IndRNNRecurrence, activation="tanh"),
    "irevrnn": indrnn_cupy.IRevRNNRecurrence,
    "irevrnn-store": partial(indrnn_cupy.IRevRNNRecurrence, memory="store"),
    "mingru": partial(indrnn_cupy.MinGRURecurrence, activation="tanh"),
    "mingru-h0": partial(indrnn_cupy.MinGRURecurrence, learned_h0=True),
    "minlstm": indrnn_cupy.MinLSTMRecurrence,
    "leaky": indrnn_cupy.recurrence(source=HEAD + LEAKY).Recurrence,
    "output": indrnn_cupy.recurrence(source=HEAD + OUTPUT).Recurrence,
    "output-recompute": partial(indrnn_cupy.recurrence(source=HEAD + OUTPUT).Recurrence, memory="recompute", every=3),
}
FEW = ["indrnn", "minlstm", "output-recompute"]  # the others are slow
EACH = [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in CELLS]
INTERPRETED = [("indrnn", torch.float64), ("indrnn", torch.bfloat16), ("output-recompute", torch.float32)]
T, B, H = 11, 4, 7


def make(name, dropout=0.3, norm="batch", norm_first=False, dtype=torch.float64):
    kind = CELLS[name]
    made = RecurrentBlock(H, dropout, recurrence=getattr(kind, "func", kind), norm=norm, norm_first=norm_first,
                          **getattr(kind, "keywords", {}))  # fmt: skip
    if norm:
        nn.init.uniform_(made.norm.batch_norm.weight, 0.5, 2)
        nn.init.normal_(made.norm.batch_norm.bias)
    return made.to(dtype)


def steps(some):
    return {"lengths": torch.tensor([11, 0, 5, 8]), "resets": torch.rand(T, B) < 0.2} if some else {}


def inputs(made, state=False, dtype=torch.float64):
    x = torch.randn(T, B, H * made.recurrence.gates, dtype=dtype)
    x = x.transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    _, found = made.recurrence(x)
    initial = tuple(torch.randn_like(s).requires_grad_() for s in flat((x, found))[1:]) if state else ()
    return x, initial


def everything(made, x, initial, **options):
    """The output, the states, every gradient, and the running statistics."""
    torch.manual_seed(1)
    state = None if not initial else initial[0] if len(initial) == 1 else initial
    z, *last = flat(made(x, state, **options))
    loss = sum((t.float().sin() * torch.arange(t.numel()).view(t.shape).cos()).sum() for t in (z, *last))
    wanted = [x, *initial, *(p for p in made.parameters() if p.requires_grad)]
    grads = torch.autograd.grad(loss.double(), wanted, allow_unused=True)
    return [z, *last, *grads, *made.buffers()]


@pytest.fixture
def compared(monkeypatch):
    """Holds a block against the same modules one after the other."""

    def compare(made, *arguments, tolerance=1e-12, **options):
        twin, calls = copy.deepcopy(made), []
        run = block_function.run
        with monkeypatch.context() as patched:
            patched.setattr(block_function, "run", lambda *a, **o: calls.append(1) or run(*a, **o))
            actual = everything(made, *arguments, **options)
            assert calls
            patched.setattr(block, "fuses", lambda *_: False)
            expected = everything(twin, *arguments, **options)
            assert len(calls) == 1
        for a, e in zip(actual, expected, strict=True):
            assert (a is None) == (e is None)
            if a is not None:
                assert a.dtype == e.dtype
                assert (a.double() - e.double()).abs().max() <= tolerance * e.double().abs().max().clamp(min=1)
        return actual

    return compare


@pytest.mark.parametrize("some", [False, True], ids=["all", "lengths"])
@pytest.mark.parametrize("name", EACH)
def test_equals_the_modules_in_training(name, some, compared):
    made = make(name)
    compared(made, *inputs(made, state=some), **steps(some))


@pytest.mark.parametrize("some", [False, True], ids=["all", "lengths"])
@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("mode", ["evaluated", "frozen", "no dropout", "no norm", "norm first", "momentum"])
def test_equals_the_modules_in_other_modes(mode, name, some, compared):
    made = make(
        name, 0.0 if mode == "no dropout" else 0.3, None if mode == "no norm" else "batch", mode == "norm first"
    )
    everything(made, *inputs(made))  # running statistics that are not those of the beginning
    if mode == "evaluated":
        made.eval()
    if mode == "frozen":
        made.norm.eval()
        made.norm.requires_grad_(False)
    if mode == "momentum":
        made.norm.batch_norm.momentum = None
    compared(made, *inputs(made, state=some), **steps(some))


@pytest.mark.parametrize("name", ["indrnn", "mingru", "output"])
def test_evaluates_in_one_pass(name):
    made = make(name, dtype=torch.float32)
    x, _ = inputs(made, dtype=torch.float32)
    made(x)
    made.eval()
    with torch.no_grad(), interpreted() as launches:
        z, _ = made(x)
    assert [launch.name.split("_", 1)[1] for launch in launches] == ["forward_normalized"]
    y, _ = made.recurrence(x)
    torch.testing.assert_close(z, made.norm(y))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_16_bits_with_float32_statistics(dtype, compared):
    made = make("indrnn", 0.0)
    (x, _), options = inputs(made), steps(True)
    exact = everything(made, x, (), **options)
    halves = copy.deepcopy(made).to(dtype)
    rounded = everything(halves, x.detach().to(dtype).requires_grad_(), (), **options)
    for a, e in zip(rounded[:2], exact, strict=False):
        assert (a.double() - e).abs().max() <= 16 * torch.finfo(dtype).eps * e.abs().max()


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_statistics_are_not_cancelled(mean):
    made = make("indrnn", 0.0, dtype=torch.float32)
    with torch.no_grad():
        made.recurrence.weight.zero_()
    x = (torch.randn(1000, 4, H) + mean).clamp(min=0)
    made(x)
    exact = x.double().flatten(0, 1)
    batch_norm = made.norm.batch_norm
    torch.testing.assert_close(batch_norm.running_mean.double(), 0.1 * exact.mean(0), rtol=1e-5, atol=0)
    torch.testing.assert_close(batch_norm.running_var.double(), 0.9 + 0.1 * exact.var(0), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("T", "mean", "deviation"), [(784, 2.3, 0.0), (4000, 100.0, 0.1), (8000, 3.0, 0.01)])
def test_a_first_step_unlike_the_others(T, mean, deviation):
    """As of a state that grows from 0."""
    made = RecurrentBlock(8)
    made.recurrence.weight.data.zero_()
    exact, in_turn = copy.deepcopy(made).double(), copy.deepcopy(made)
    in_turn.dropout.register_forward_hook(lambda *_: None)
    x = mean + deviation * torch.randn(T, 4, 8)
    x[0] = 0
    errors = [(m(x)[0] - exact(x.double())[0]).abs().max() for m in (made, in_turn)]
    assert errors[0] <= errors[1]


def changed(made, change):
    """A block with a change, and its parts one after the other."""
    change(made)
    in_turn = copy.deepcopy(made)
    if "forward" not in vars(in_turn.dropout):
        in_turn.dropout.register_forward_hook(lambda *_: None)
    return made, in_turn


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.norm.batch_norm, "bias", None),
        lambda m: setattr(m.norm.batch_norm, "track_running_stats", False),
        lambda m: setattr(m.norm.batch_norm, "num_batches_tracked", None),
        lambda m: setattr(m.dropout, "forward", lambda x: 100 * x),
    ],
    ids=["no bias", "frozen statistics", "no count", "a forward of its own"],
)
def test_what_a_user_changes_holds(change):
    made, in_turn = changed(make("indrnn", 0.0), change)
    x, _ = inputs(made)
    for a, e in zip(everything(made, x, ()), everything(in_turn, x, ()), strict=True):
        torch.testing.assert_close(a, e)


def test_a_norm_of_another_width_is_refused():
    made = make("indrnn", 0.0).eval()
    made.norm.batch_norm = nn.BatchNorm1d(1).double().eval()
    with torch.no_grad(), pytest.raises(RuntimeError, match="should contain"):
        made(inputs(made)[0])


def test_only_the_state_is_used():
    made = make("indrnn", 0.0)
    made(inputs(made)[0])[1].sum().backward()
    assert made.norm.batch_norm.weight.grad is None and made.norm.batch_norm.bias.grad is None
    assert made.recurrence.weight.grad.abs().max() > 0


def test_a_bias_may_change_before_backward():
    made = make("indrnn", 0.0)
    x, _ = inputs(made)
    (expected,) = torch.autograd.grad(made(x)[0].square().sum(), x)
    z, _ = made(x)
    with torch.no_grad():
        made.norm.batch_norm.bias += 1
    assert torch.equal(torch.autograd.grad(z.square().sum(), x)[0], expected)


def test_the_average_of_all_batches_is_exact():
    made, in_turn = changed(make("indrnn", 0.0), lambda m: setattr(m.norm.batch_norm, "momentum", None))
    for _ in range(3):
        x, _ = inputs(made)
        made(x), in_turn(x)
    torch.testing.assert_close(
        made.norm.batch_norm.running_mean, in_turn.norm.batch_norm.running_mean, rtol=1e-12, atol=0
    )


def test_exports_in_training():
    made, auto = make("indrnn", 0.0), torch.export.Dim.AUTO
    x, _ = inputs(made)
    twin = copy.deepcopy(made)
    sizes = ({0: auto, 1: auto},)
    exported = torch.export.export(made, (x.detach(),), dynamic_shapes=sizes, strict=False).module()
    torch.testing.assert_close(exported(x.detach())[0], twin(x)[0])


@pytest.mark.parametrize("name", ["indrnn", "minlstm", "output"])
def test_gradcheck(name):
    made = make(name, 0.0)

    def function(x, *parameters):
        values = dict(zip((n for n, _ in made.named_parameters()), parameters, strict=True))
        return torch.func.functional_call(copy.deepcopy(made), values, x)[0]

    x, _ = inputs(made)
    assert torch.autograd.gradcheck(function, (x, *made.parameters()))
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        (g,) = torch.autograd.grad(made(x)[0].sum(), x, create_graph=True)
        g.sum().backward()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param(name, dtype, marks=[] if (name, dtype) in INTERPRETED else pytest.mark.slow)
        for name in ("indrnn", "irevrnn", "output-recompute")
        for dtype in (torch.float32, torch.bfloat16, torch.float64)
    ],
)
def test_interpreted_ptx_gives_the_bits_of_the_cpu(name, dtype):
    made = make(name, dtype=dtype)
    x, initial = inputs(made, True, dtype)
    options = steps(True)
    with interpreted() as launches:
        on_gpu = everything(copy.deepcopy(made), x, initial, **options)
    names = [launch.name.partition("_")[2] for launch in launches]
    assert names[0] == "forward_measured" and names[-1] == "backward_of_normalized"
    on_cpu = everything(copy.deepcopy(made), x, initial, **options)
    assert all(torch.equal(a, e) for a, e in zip(on_gpu, on_cpu, strict=True))


def test_moves_each_number_once():
    T, B, H = 70, 2, 32
    made = RecurrentBlock(H, 0.3)
    x = torch.randn(T, B, H, requires_grad=True)
    with interpreted() as launches:
        z, _ = made(x)
        forward = sum(launch.stats["global_load_bytes"] + launch.stats["global_store_bytes"] for launch in launches)
        z.backward(torch.randn_like(z))
    both = sum(launch.stats["global_load_bytes"] + launch.stats["global_store_bytes"] for launch in launches)
    sequence, lanes = 4 * T * B * H, 4 * B * H
    assert 4 * sequence < forward < 4 * sequence + 24 * lanes  # x, y; y, z
    assert 5 * sequence < both - forward < 5 * sequence + 24 * lanes  # grad z, y; grad z, y, grad x


@pytest.mark.parametrize("where", ["recurrence", "norm", "dropout"])
def test_hooks_see_what_is_between(where):
    made, seen = make("indrnn"), []
    x, _ = inputs(made)
    getattr(made, where).register_forward_hook(lambda module, args, output: seen.append(output))
    made(x)
    assert len(seen) == 1


def test_a_subclass_is_called(monkeypatch):
    class Twice(indrnn_cupy.IndRNNRecurrence):
        def forward(self, x, state=None, **steps):
            y, state = super().forward(x, state, **steps)
            return 2 * y, state

    made = RecurrentBlock(H, recurrence=Twice, norm=None, dropout=0.5)
    x = torch.randn(T, B, H)
    torch.manual_seed(0)
    z, _ = made(x)
    torch.manual_seed(0)
    assert torch.equal(z, made.dropout(made.recurrence(x)[0]))


@pytest.mark.parametrize("shape", [(0, 4), (11, 0), (0, 0)])
def test_empty_batches(shape):
    made = make("indrnn")
    made.norm.eval()
    z, h = made(torch.zeros(*shape, H, dtype=torch.float64, requires_grad=True))
    z.sum().backward()
    assert z.shape == (*shape, H) and h.shape == (shape[1], H)


def test_fewer_than_two_steps():
    made = make("indrnn", 0.0)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        made(torch.randn(1, 1, H, dtype=torch.float64))
    made = make("indrnn", 0.0)
    x = torch.randn(3, 2, H, dtype=torch.float64, requires_grad=True)
    z, _ = made(x, lengths=torch.tensor([1, 0]))
    y, _ = made.recurrence(x, lengths=torch.tensor([1, 0]))
    torch.testing.assert_close(z[0, 0], made.norm.eval()(y)[0, 0])
    assert made.norm.batch_norm.num_batches_tracked == 0


def test_checkpointing_replays_the_masks():
    made = make("indrnn")
    x, _ = inputs(made)
    torch.manual_seed(1)
    expected = torch.autograd.grad(made(x)[0].sin().sum(), x)
    torch.manual_seed(1)
    actual = torch.autograd.grad(checkpoint(lambda x: made(x)[0], x, use_reentrant=False).sin().sum(), x)
    assert torch.equal(actual[0], expected[0])


def test_without_a_compiler(monkeypatch):
    made = make("indrnn")
    x, _ = inputs(made)
    expected = everything(copy.deepcopy(made), x, ())
    monkeypatch.setattr("indrnn_cupy.layers.fused.can_compile", lambda _: False)
    monkeypatch.setattr(host, "launch", None)
    monkeypatch.setattr("indrnn_cupy.functional.run.compiled", lambda *_: False)
    for a, e in zip(everything(made, x, ()), expected, strict=True):
        torch.testing.assert_close(a, e)


@pytest.mark.parametrize("mode", ["training", "lengths", "evaluated", "no norm"])
@pytest.mark.parametrize("name", EACH)
def test_a_projection_s_bias_is_added_in_the_block(name, mode, monkeypatch):
    kind = CELLS[name]
    options = {"recurrence": getattr(kind, "func", kind), "norm": None if mode == "no norm" else "batch"}
    made = ProjectedBlock(5, H, 0.3, **options, **getattr(kind, "keywords", {})).double()
    nn.init.normal_(made.projection.bias)
    made.train(mode != "evaluated")
    x, biases = torch.randn(T, B, 5, dtype=torch.float64, requires_grad=True), []
    twin, some, run = copy.deepcopy(made), steps(mode == "lengths"), block_function.run
    with monkeypatch.context() as patched:
        patched.setattr(block_function, "run", lambda *a, **o: biases.append(o["norm"].added) or run(*a, **o))
        actual = everything(made, x, (), **some)
    assert biases[0] is made.projection.bias
    twin.projection.register_forward_hook(lambda *_: None)
    twin.block.dropout.register_forward_hook(lambda *_: None)
    for a, e in zip(actual, everything(twin, x, (), **some), strict=True):
        assert (a is None) == (e is None)
        assert a is None or (a - e).abs().max() <= 1e-12 * e.abs().max().clamp(min=1)
    with torch.no_grad():
        torch.manual_seed(2)
        z, _ = made(x)
        torch.manual_seed(2)
        assert (z - twin(x)[0]).abs().max() <= 1e-12


def test_ops_are_as_they_are_declared():
    key, real = "indrnn ACTIVATION=Tanh", {"dtype": torch.float64}
    x, u, bias = torch.randn(T, B, H, **real), torch.rand(H, **real), torch.randn(H, **real)
    mean, rate, mask = torch.randn(H, **real), torch.rand(H, **real), torch.rand(B, H, **real)
    lengths = torch.tensor([11, 0, 5, 8])
    check = partial(torch.library.opcheck, test_utils=("test_schema", "test_faketensor"))
    for measured, norm in ((True, []), (False, [mean, rate, bias, mask])):
        check(block_forward_op, (key, [x], [u], [None], lengths, None, False, 0, 1, measured, norm, bias))
    for norm in ([rate, mask], [rate, mask, mean, bias, mean]):
        options = lengths, None, False, 0, 1, 1, 0, norm, None, bias
        check(block_backward_op, (key, x, [None], [], [u], [None], [x.tanh()], *options))
    check(normalize_op, (x, mean, rate, bias, mask, lengths))
    check(normalize_sums_op, (x, x, mean, mask, lengths))
