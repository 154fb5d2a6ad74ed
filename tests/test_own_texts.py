"""Recurrences of one's own whose texts are alike: bodies, headers, names, options; what is recomputed and in chunks."""

import copy
import pickle

import pytest
import torch
from closeness import assert_close
from torch.func import grad, jacrev, jvp

import indrnn_cupy
from indrnn_cupy.check.interpreter import interpreted
from indrnn_cupy.check.recurrences import with_gradients
from indrnn_cupy.runtime.errors import KernelCompileError, KernelSignatureError

HEAD = '#include "cell.cuh"\n'
ONE = torch.ones(2, 1, 1)


def gain(factor):
    return f"{HEAD}INLINE auto f(Input auto x, State auto h) {{ return {factor} * x + 0.5 * h; }}"


def test_bodies_are_told_apart():
    for factor in (1, 2, 1):
        assert indrnn_cupy.recurrence(source=gain(factor))(ONE)[0].flatten().tolist() == [factor, 1.5 * factor]


def test_headers_are_those_of_the_moment(tmp_path):
    made = []
    for folder, factor in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f.cu").write_text('#include "gain.cuh"\n' + gain("GAIN"))
        (tmp_path / folder / "gain.cuh").write_text(f"#define GAIN {factor}\n")
        made.append(indrnn_cupy.recurrence(tmp_path / folder / "f.cu"))
    (tmp_path / "a" / "gain.cuh").write_text("#define GAIN 5\n")  # before anything was compiled
    x = ONE.clone().requires_grad_()
    for own, factor in zip((*made, indrnn_cupy.recurrence(tmp_path / "a" / "f.cu")), (1, 2, 5), strict=True):
        y, _ = own(x)
        assert y.flatten().tolist() == [factor, 1.5 * factor]
        assert torch.autograd.grad(y.sum(), x)[0].flatten().tolist() == [1.5 * factor, factor]


def test_names_of_parameters_are_their_own():
    text = "INLINE auto f(Input auto x, Input auto x_t, Input auto y, State auto h, State auto h_0) "
    own = indrnn_cupy.recurrence(source=HEAD + text + "{ return states(x + 10 * x_t + 100 * y, h); }")
    assert own(ONE, ONE, ONE)[0].flatten().tolist() == [111, 111]


@pytest.mark.parametrize(
    ("define", "message"),
    [({"TILE": 1}, "the name 'TILE'"), ({"N": 1}, "the name 'N'"), ({"A B": 1}, "the name 'A B'")],
)
def test_options_that_are_the_package_s_are_refused(define, message):
    with pytest.raises(KernelSignatureError, match=message):
        indrnn_cupy.recurrence(source=gain(1), define=define)


def test_options_are_values():
    assert indrnn_cupy.recurrence(source=gain("GAIN"), define={"GAIN": True})(ONE)[0][0].item() == 1


def test_functions_and_layers_are_copied_and_pickled():
    own = indrnn_cupy.recurrence(source=gain(3))
    for twin in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert torch.equal(twin(ONE)[0], own(ONE)[0])
    assert isinstance(copy.deepcopy(own.layer(2, 3)).recurrences[0], own.Recurrence)


BY_HAND = """INLINE auto two(Input auto x, Weight auto u, State auto h, State auto c) {
    const auto next = fma(u, c, x);
    return states(fma(u, h, next), next);
}
INLINE auto two_gradient(Gradient auto grad_h, Gradient auto grad_c, Weight auto u, State auto h, State auto c) {
    const real grad = grad_c + grad_h;
    return gradients(grad, fma(grad_h, h, grad * c), u * grad_h, u * grad);
}"""


def test_an_input_that_is_not_kept_is_not_made_up():
    own = indrnn_cupy.recurrence(source=HEAD + BY_HAND)
    x, u = torch.randn(7, 2, 3, requires_grad=True), torch.rand(3, requires_grad=True)
    own(x, u)[0].sum().backward()
    with pytest.raises(KernelCompileError, match="needs an input that the gradient by hand does not take"):
        own(x, u, memory="recompute", every=3)[0].sum().backward()


def test_an_output_in_a_macro_is_not_passed_over():
    text = "#define NAMED output\nINLINE auto f(Input auto x, State auto h) { return states(h + x).NAMED(10 * x); }"
    with pytest.raises(KernelCompileError, match="the output of the cell is not seen"):
        indrnn_cupy.recurrence(source=HEAD + text)(ONE)


def test_recomputed_in_chunks():
    text = "INLINE auto f(Input auto x, Weight auto u, State auto h) { return states(h / 2 + u * x).output(x * h); }"
    own, inputs = indrnn_cupy.recurrence(source=HEAD + text), (torch.randn(12, 2, 3), torch.rand(3))
    expected = with_gradients(lambda x, u: own(x, u)[:1], inputs)
    with interpreted(2):
        actual = with_gradients(lambda x, u: own(x, u, memory="recompute", every=4)[:1], inputs)
    assert_close(actual, expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch itself
@pytest.mark.parametrize("outer", [grad, jacrev])
def test_reverse_over_forward_is_refused(outer):
    own, x = indrnn_cupy.recurrence(source=f"{HEAD}INLINE auto f(Input auto x, State auto h) {{ return x * h; }}"), ONE
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        outer(lambda x: jvp(lambda x: own(x, h0=ONE[0])[0].sum(), (x,), (ONE,))[1])(x)
