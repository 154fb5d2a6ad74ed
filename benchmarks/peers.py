"""Alternatives to the kernels, each as two functions: forward, and forward and backward."""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

Pair = tuple[Callable[[], object], Callable[[], object]]


def with_backward(function: Callable[..., Tensor], inputs: tuple[Tensor, ...], gradient: Tensor) -> Pair:
    """The forward pass without gradients, and both passes."""
    leaves = [t.detach().requires_grad_() for t in inputs]
    return lambda: function(*inputs), lambda: torch.autograd.grad(function(*leaves), leaves, gradient)


def layer(module: torch.nn.Module, x: Tensor, gradient: Tensor) -> Pair:
    """A module called with x that returns its output first."""
    leaves = [x.detach().requires_grad_(), *module.parameters()]

    def forward() -> Tensor:
        with torch.no_grad():
            return module(x)[0]

    return forward, lambda: torch.autograd.grad(module(leaves[0])[0], leaves, gradient)


def loop(x: Tensor, u: Tensor) -> Tensor:
    """The usual loop without a kernel; `unbind` avoids the quadratic backward of x[t]."""
    h = torch.zeros_like(x[0])
    states = []
    for x_t in x.unbind(0):
        h = torch.relu(torch.addcmul(x_t, u, h))
        states.append(h)
    return torch.stack(states)


def jax_scan(x: Tensor, u: Tensor, gradient: Tensor) -> Pair | None:
    """jax.lax.scan under jit, one step per iteration; None if JAX is not installed."""
    if not importlib.util.find_spec("jax"):
        return None
    import jax

    x_, u_, gradient_ = (jax.numpy.asarray(t.numpy()) for t in (x, u, gradient))

    def scan(x, u):
        def step(h, x_t):
            h = jax.nn.relu(x_t + u * h)
            return h, h

        return jax.lax.scan(step, jax.numpy.zeros_like(x[0]), x)[1]

    forward = jax.jit(scan)
    both = jax.jit(lambda x, u, g: jax.vjp(scan, x, u)[1](g))
    return lambda: forward(x_, u_).block_until_ready(), lambda: jax.block_until_ready(both(x_, u_, gradient_))


def jax_associative_scan(x: Tensor, gradient: Tensor) -> Pair | None:
    """minGRU with jax.lax.associative_scan under jit, in linear space; None if JAX is not installed."""
    if not importlib.util.find_spec("jax"):
        return None
    import jax

    x_, gradient_ = (jax.numpy.asarray(t.numpy()) for t in (x, gradient))

    def scan(x):
        gate, hidden = jax.numpy.split(x, 2, -1)
        z = jax.nn.sigmoid(gate)
        value = z * jax.numpy.where(hidden >= 0, hidden + 0.5, jax.nn.sigmoid(hidden))

        def combine(first, second):
            return second[0] * first[0], second[0] * first[1] + second[1]

        return jax.lax.associative_scan(combine, (1 - z, value))[1]

    forward = jax.jit(scan)
    both = jax.jit(lambda x, g: jax.vjp(scan, x)[1](g))
    return lambda: forward(x_).block_until_ready(), lambda: jax.block_until_ready(both(x_, gradient_))
