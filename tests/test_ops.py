"""The ops as PyTorch sees them: derivatives, registration, the compiler, determinism."""

import pytest
import torch
from closeness import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from indrnn_cupy import functional
from indrnn_cupy.check.recurrences import FIRST, RECURRENCES, with_gradients

pytestmark = pytest.mark.usefixtures("device")


@pytest.mark.parametrize("initial_state", [True, False], ids=["h0", "no h0"])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_gradcheck(recurrence, batch_first, initial_state):
    inputs = recurrence.make_inputs(4, 3, 5, torch.float64)
    inputs = inputs if initial_state else inputs[: -recurrence.states]
    leaves = [t.transpose(0, 1) if t.dim() == 3 and batch_first else t for t in inputs]
    leaves = [t.clone(memory_format=torch.contiguous_format).requires_grad_() for t in leaves]
    assert torch.autograd.gradcheck(
        lambda *a: recurrence.function(*a, batch_first=batch_first, **dict(recurrence.exact)), leaves
    )


def detached(argument):
    if isinstance(argument, list | tuple):
        return [detached(a) for a in argument]
    return argument.detach() if isinstance(argument, torch.Tensor) else argument


class Calls(TorchDispatchMode):
    """Inside, calls of our ops are noted."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, op, types, arguments=(), options=None):
        if op.namespace == "indrnn_cupy":
            self.calls.append((op, [detached(a) for a in arguments]))
        return op(*arguments, **(options or {}))


@pytest.mark.parametrize(("layout", "steps"), [("contiguous", "all"), ("permuted", "some"), ("sliced", "some")])
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_opcheck(recurrence, steps, layout):
    inputs = recurrence.make_inputs(4, 3, 5, torch.bfloat16 if layout == "permuted" else torch.float32)
    if layout == "permuted":
        inputs = [t.transpose(0, 1).contiguous().transpose(0, 1) if t.dim() == 3 else t for t in inputs]
    if layout == "sliced":
        inputs = [torch.cat((t, t[..., :3]), -1)[..., : t.shape[-1]] if t.dim() == 3 else t for t in inputs]
    some = {"lengths": torch.tensor([4, 0, 2]), "resets": torch.rand(4, 3) < 0.3, "reverse": True}
    with Calls() as noted:
        with_gradients(recurrence.function, inputs, **(some if steps == "some" else {}))
    forward, backward = noted.calls
    for op, arguments in (forward, backward):
        torch.library.opcheck(op, arguments)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler itself
def test_compiles_as_one_graph(recurrence, backend):
    torch._dynamo.reset()

    def model(x, *rest):
        y, *states = recurrence.function(2 * x, *rest)
        return y.sin(), *states

    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for shape in [(4, 3, 5), (7, 2, 5)]:
        inputs = recurrence.make_inputs(*shape, torch.float32)
        assert_close(with_gradients(compiled, inputs), with_gradients(model, inputs))


@pytest.mark.parametrize("loss", [lambda y: y.sum(), lambda y: y.square().sum()], ids=["linear", "square"])
@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_second_derivative_is_refused(recurrence, loss):
    leaves = [t.requires_grad_() for t in recurrence.make_inputs(3, 2, 4, torch.float64)]
    (grad,) = torch.autograd.grad(loss(recurrence.function(*leaves)[0]), leaves[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        grad.sum().backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch itself
def test_forward_mode_of_egru_is_refused():
    sequence, *rest = FIRST[-1].make_inputs(3, 2, 4, torch.float64)
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.func.jvp(lambda s: FIRST[-1].function(s, *rest)[0], (sequence,), (torch.ones_like(sequence),))


def test_shapes_alone():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        y, h_n = functional.indrnn(torch.randn(7, 3, 5), torch.rand(5), lengths=torch.tensor([7, 3, 1]))
    assert y.shape == (7, 3, 5) and h_n.shape == (3, 5)


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_graph_of_the_gradient_may_be_made(recurrence):
    leaves = [t.requires_grad_() for t in recurrence.make_inputs(3, 2, 4, torch.float64)]
    once = torch.autograd.grad(recurrence.function(*leaves)[0].sum(), leaves)
    graph = torch.autograd.grad(recurrence.function(*leaves)[0].sum(), leaves, create_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(once, graph, strict=True))
