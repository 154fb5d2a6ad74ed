"""What is wrong with the function of a recurrence is said in one sentence, with the file and the line."""

import pytest
import torch

import indrnn_cupy
from indrnn_cupy.runtime.errors import KernelCompileError, KernelSignatureError

HEAD = '#include "cell.cuh"\n'
F = HEAD + "INLINE auto f(Input auto x, State auto h) { return h; }\n"


def parameters(text):
    """A cell with these parameters."""
    return f"{HEAD}INLINE auto f({text}) {{ return h; }}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "has no function of this form, expected one function"),
        (parameters("Input auto h"), ":2: f has no State"),
        ("\n" + parameters("Inptu auto x, State auto h"), ":3: f has the parameter `Inptu"),
        (parameters("State auto h, Input auto x"), "f has Input x out of order"),
        (parameters("Input auto x, State auto x"), "f has two parameters x"),
        (parameters("Input x, State auto h"), "f has the parameter `Input x`"),
        (parameters("Input auto lambda, State auto h"), "parameter lambda, a reserved word"),
        (parameters("Input auto x, State auto double"), "parameter double, a reserved word"),
        (parameters("Input auto x, Weight auto h0, State auto h"), "has two parameters h0,"),
        (parameters("Input auto x, Weight auto forward, State auto h"), "weight forward, a name of torch.nn.Module"),
        (parameters("Inputs<2> auto x, State auto h"), "the parameter `Inputs<2> auto x`"),
        (parameters("Input auto x, Weights<N> auto u, State auto h"), "a weight of N rows"),
        (parameters("Input auto x, Weights<40> auto u, State auto h"), "42 values, expected at most 32"),
        (parameters("Input auto x, After auto h_t, State auto h"), "After h_t, which only f_gradient may have"),
        (
            parameters("Input auto x, Weights<3> auto h, State auto c").replace("h;", "h[3];"),
            r"h\[3\], expected 0 to 2",
        ),
        (F + F.replace("f(", "g("), "has the functions f, g, expected one function"),
        (F.removeprefix(HEAD), 'lacks the line `#include "cell.cuh"`'),
        (F[:-3], "has 1 opening and 0 closing braces"),
        (F + "INLINE auto f_gradient(Gradient auto g) { return 0; }", ":3: f_gradient has Gradient g, expected one of"),
    ],
)
def test_declarations(source, message):
    with pytest.raises(KernelSignatureError, match=message):
        indrnn_cupy.recurrence(source=source)


@pytest.mark.parametrize(
    ("parameters", "body", "message"),
    [
        (", State auto c", "return h;", "compile .*: the function of the cell does not return as many states as it"),
        ("", "return states(x, h);", "the function of the cell does not return as many states"),
        ("", "return x + hh;", "line 3: .hh. was not declared"),
        ("", "return erf(x);", "line 3: .*erf.*; a cell's numbers have the functions of cell.cuh"),
        ("", "return tanhf(x);", "line 3: .*convert.*not C's own"),
        ("", "return std::tanh(x);", "line 3: .*not C's own"),
        ("", "return activation(x);", "line 3: .*; name one by define="),
        ("", "auto y = x; y = tanh(h + x); return y;", "line 3: .*variables cannot be reassigned"),
        ("", "return {x, h};", "several states are returned by states"),
        ("", "tanh(x);", "the function of the cell returns nothing"),
        ("", "return __builtin_floorf(x) + h;", "line 3: "),
        ("", "return x > 0 ? x : h;", "line 3: .*have different types.*; choose by where"),
        ("", "if (x) return h; else return h;", "line 3: "),
        ("", "if (x > 0) return x; else return h;", "line 3: .*; choose by where"),
        ("", "return pow<2.5f>(x) + h;", "line 3: "),
        ("", "return fma(x, h);", "line 3: .*fma"),
        ("", "return x.output(h);", "line 3: .*has no member named .output."),
        ("", "x = h; return x", "line 3: "),
        (
            "",
            "return h; }\nINLINE auto f_gradient(Gradient auto grad_h) { return gradients(grad_h);",
            "by hand does not",
        ),
    ],
)
def test_what_the_compiler_refuses(parameters, body, message):
    own = indrnn_cupy.recurrence(source=f"{HEAD}INLINE auto f(Input auto x, State auto h{parameters}) {{\n{body}\n}}")
    with pytest.raises(KernelCompileError, match=message) as error:
        own(torch.zeros(2, 1, 1, requires_grad=True))[0].sum().backward()
    assert "the source of a recurrence does not compile with" in str(error.value).splitlines()[0]
