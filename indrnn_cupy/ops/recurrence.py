"""What all ops share: registration, gradients, and the memory of tensors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType
from torch._functorch.pyfunctorch import retrieve_all_functorch_interpreters
from torch._ops import OpOverload
from torch.utils._pytree import tree_flatten, tree_unflatten

from .compiling import assume_constant_result

PLAIN = (Tensor, torch.nn.Parameter)


def register(name: str, schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> OpOverload:
    """Registers one function for CPU and CUDA tensors as the op `indrnn_cupy::name`, and returns the op."""
    qualified = f"indrnn_cupy::{name}"
    torch.library.define(qualified, schema, tags=(torch.Tag.needs_fixed_stride_order,))
    for device in ("cpu", "cuda"):
        torch.library.impl(qualified, device, function)
    torch.library.register_fake(qualified, fake)
    op: OpOverload = getattr(torch.ops.indrnn_cupy, name).default
    return op


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Whether autograd has to record an op on these: for a short sequence, that takes as long as the op itself."""
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return False


@assume_constant_result
def differentiated_by_func() -> bool:
    """Whether torch.func differentiates, where torch.compile loses the gradient of an op."""
    keys = [interpreter.key() for interpreter in retrieve_all_functorch_interpreters()]
    return TransformType.Grad in keys or TransformType.Jvp in keys


def transformed() -> bool:
    """Whether torch.func or forward mode is active."""
    if torch.compiler.is_compiling():
        if differentiated_by_func():
            raise RuntimeError(
                "torch.compile does not see the gradient of a recurrence inside torch.func; call torch.func outside of "
                "the compiled function, or compile a function that ends in .backward()"
            )
        return False
    return torch.autograd.forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()


def can_call_directly(tensor: Tensor) -> bool:
    """Whether the function of an op can be called directly: for a short sequence, dispatch takes as long as the op.

    It cannot if a compiler, a tracer or a mode has to see the op, nor for tensors without data.
    """
    if torch.compiler.is_compiling():
        return False
    looked_on = torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state() or transformed()
    return not looked_on and type(tensor) in PLAIN and (tensor.is_cpu or tensor.is_cuda)


class OnlyOnce(torch.autograd.Function):
    """Calls a backward op such that differentiating its results again raises an error instead of giving zeros."""

    generate_vmap_rule = True

    @staticmethod
    def forward(op, structure, *tensors):
        results = op(*tree_unflatten(tensors, structure))
        return tuple(results) if isinstance(results, list) else results

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(
            "the gradient of a recurrence cannot be differentiated again; use indrnn_cupy.reference there"
        )

    jvp = backward


def backward_once(op: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a backward op, guarded if a graph of the gradient is recorded."""
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        tensors, structure = tree_flatten(arguments)
        return OnlyOnce.apply(op, structure, *tensors)
    return op(*arguments)


def unit_stride(sequence: Tensor) -> Tensor:
    """The sequence itself if its hidden units have stride 1, whatever the strides of time and batch; else a copy."""
    return sequence if sequence.stride(-1) == 1 or sequence.shape[-1] == 1 else sequence.contiguous()


def empty_like(sequence: Tensor) -> Tensor:
    """Allocates an output, with the layout of the sequence if its hidden units have stride 1."""
    output = torch.empty_like(sequence)
    if sequence.is_contiguous() or unit_stride(output) is output:
        return output
    return torch.empty_like(sequence, memory_format=torch.contiguous_format)  # of a sequence that overlaps itself


def widened(sequence: Tensor, width: int) -> Tensor:
    """Allocates a sequence of another width, with the order of time and batch in memory of this one."""
    T, B, _ = sequence.shape
    if sequence.stride(0) < sequence.stride(1):
        return sequence.new_empty(B, T, width).transpose(0, 1)
    return sequence.new_empty(T, B, width)


def as_contiguous(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight or a state as a kernel reads it, contiguous and in this dtype."""
    return tensor if tensor.dtype == dtype and tensor.is_contiguous() else tensor.to(dtype).contiguous()


def sum_rows(rows: Tensor) -> Tensor:
    """The sum over the first dimension, in the same order for any number of threads."""
    if rows.shape[0] == 1:
        return rows.view(-1)
    one = rows.shape[1] == 1 and len(rows)
    return rows.cumsum(0)[-1] if one else rows.sum(0)  # torch divides a sum to one element among threads
