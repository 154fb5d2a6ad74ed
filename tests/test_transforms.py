"""torch.func: grad, vjp, jvp, Jacobians and vmap of every recurrence that is one function, against the reference."""

import pytest
import torch
from closeness import assert_close
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.utils._pytree import tree_leaves

from indrnn_cupy import functional as F
from indrnn_cupy import reference
from indrnn_cupy.check.recurrences import FIRST, RECURRENCES

CELLS = [recurrence for recurrence in FIRST if recurrence.key]
T, B, H, N = 5, 3, 4, 6
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch itself


@pytest.fixture(params=[False, True], ids=["whole", "some"])
def steps(request):
    some = {"lengths": torch.tensor([5, 0, 3]), "resets": torch.rand(T, B) < 0.3, "reverse": True}
    return some if request.param else {}


def both(recurrence, **options):
    """The function and the reference."""
    return [lambda *a, f=f: f(*a, **options) for f in (recurrence.function, recurrence.reference)]


def assert_alike(actual, expected):
    assert_close(tree_leaves(actual), tree_leaves(expected))


def loss(function):
    return lambda *a: sum(t.square().sum() for t in function(*a))


@pytest.mark.parametrize("recurrence", [r for r in RECURRENCES if r.key], ids=str)
def test_jvp(recurrence, steps):
    inputs = recurrence.make_inputs(T, B, H, torch.float64)
    directions = tuple(torch.randn_like(t) for t in inputs)
    ours, plain = both(recurrence, **steps)
    assert_alike(jvp(ours, inputs, directions), jvp(plain, inputs, directions))


@pytest.mark.parametrize("recurrence", CELLS, ids=str)
def test_gradients_and_jacobians(recurrence, steps):
    inputs = recurrence.make_inputs(T, B, H, torch.float64)
    every = tuple(range(len(inputs)))
    ours, plain = both(recurrence, **steps)
    for transform in (lambda f: grad(loss(f), every), lambda f: jacrev(f, every), lambda f: jacfwd(f, every)):
        assert_alike(transform(ours)(*inputs), transform(plain)(*inputs))


@pytest.mark.parametrize("mapped", ["all", "sequences", "rest", "second dimension"])
@pytest.mark.parametrize("recurrence", CELLS, ids=str)
def test_vmap(recurrence, mapped, steps):
    many = [recurrence.make_inputs(T, B, H, torch.float64) for _ in range(N)]
    stacked = [torch.stack(each, 1 if mapped == "second dimension" else 0) for each in zip(*many, strict=True)]
    sequences = [t.dim() == 3 for t in many[0]]
    chosen = [s == (mapped == "sequences") or mapped in ("all", "second dimension") for s in sequences]
    dims = tuple((1 if mapped == "second dimension" else 0) if c else None for c in chosen)
    inputs = [s if c else one for s, one, c in zip(stacked, many[0], chosen, strict=True)]
    ours, plain = both(recurrence, **steps)
    assert_alike(vmap(ours, dims)(*inputs), vmap(plain, dims)(*inputs))
    every = tuple(range(len(inputs)))
    assert_alike(vmap(grad(loss(ours), every), dims)(*inputs), vmap(grad(loss(plain), every), dims)(*inputs))


@pytest.mark.parametrize("weights", [0, None], ids=["mapped weights", "one weight"])
def test_mapped_lengths(weights):
    x, lengths = torch.randn(N, T, B, H, dtype=torch.float64), torch.randint(0, T + 1, (N, B))
    u, dims = torch.rand((N, H) if weights == 0 else H, dtype=torch.float64), (0, weights, 0)
    results = []
    for function in (F.indrnn, reference.indrnn):
        results.append(vmap(lambda x, u, n, f=function: f(x, u, lengths=n)[0], dims)(x, u, lengths))
        gradient = grad(lambda x, u, n, f=function: f(x, u, lengths=n)[0].square().sum(), (0, 1))
        results.append(vmap(gradient, dims)(x, u, lengths))
    assert_alike(results[:2], results[2:])


def test_nested_vmap():
    x, u = torch.randn(N, T, B, H, dtype=torch.float64), torch.rand(2, H, dtype=torch.float64)
    results = []
    for function in (F.indrnn, reference.indrnn):
        gradient = grad(lambda x, u, f=function: f(x, u)[0].square().sum(), (0, 1))
        results.append(vmap(vmap(gradient, (0, None)), (None, 0))(x, u))
    assert_alike(*results)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: hessian(f),
        lambda f: grad(lambda x: grad(f)(x).sum()),
        lambda f: lambda x: jvp(grad(f), (x,), (x,)),
    ],
    ids=["hessian", "grad of grad", "jvp of grad"],
)
def test_second_derivatives_are_refused(transform):
    x, u = torch.randn(T, B, H), torch.rand(H)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        transform(lambda x: F.indrnn(x, u)[0].square().sum())(x)


def test_compiled_gradients_of_torch_func_are_refused():
    """They would be zeros: torch.compile does not see what the gradient of an op is inside torch.func."""
    torch._dynamo.reset()
    x, u = torch.randn(T, B, H), torch.rand(H)
    with pytest.raises(torch._dynamo.exc.TorchDynamoException):
        torch.compile(grad(lambda u: F.indrnn(x, u)[0].sum()), fullgraph=True, backend="eager")(u)
