"""What every recurrence's op shares: its registration, its gradient, and the memory of its tensors."""

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
    """Whether autograd has to know of an op on these: for a short sequence it takes as long as the op itself."""
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return False


@assume_constant_result
def differentiated_by_func() -> bool:
    """Whether torch.func differentiates, of which torch.compile loses what an op's gradient is."""
    keys = [interpreter.key() for interpreter in retrieve_all_functorch_interpreters()]
    return TransformType.Grad in keys or TransformType.Jvp in keys


def transformed() -> bool:
    """Whether torch.func or forward mode looks on."""
    if torch.compiler.is_compiling():
        if differentiated_by_func():
            raise RuntimeError(
                "torch.compile does not see the gradient of a recurrence inside torch.func; call torch.func outside of "
                "what is compiled, or compile a function that ends in .backward()"
            )
        return False
    return torch.autograd.forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()


def seen_by_none_else(tensor: Tensor) -> bool:
    """Whether an op's function may be called itself: for a short sequence the way to it takes as long as the op.

    Not so where a compiler, a tracer or a mode wants to see the op, and for tensors without numbers.
    """
    if torch.compiler.is_compiling():
        return False
    looked_on = torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state() or transformed()
    return not looked_on and type(tensor) in PLAIN and (tensor.is_cpu or tensor.is_cuda)


class OnlyOnce(torch.autograd.Function):
    """Calls a backward op such that differentiating its results again is an error, not a silent zero."""

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
    """Calls a backward op, guarded where a graph of the gradient is made."""
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        tensors, structure = tree_flatten(arguments)
        return OnlyOnce.apply(op, structure, *tensors)
    return op(*arguments)


def dense(sequence: Tensor) -> Tensor:
    """The sequence itself if its hidden units lie side by side, whatever the strides of time and batch; else a copy."""
    return sequence if sequence.stride(-1) == 1 or sequence.shape[-1] == 1 else sequence.contiguous()


def empty_like(sequence: Tensor) -> Tensor:
    """Memory for an output, laid out as the sequence if that has its hidden units side by side."""
    output = torch.empty_like(sequence)
    if sequence.is_contiguous() or dense(output) is output:
        return output
    return torch.empty_like(sequence, memory_format=torch.contiguous_format)  # of a sequence that overlaps itself


def widened(sequence: Tensor, width: int) -> Tensor:
    """Memory for a sequence of another width, its time and batch in the order of this one."""
    T, B, _ = sequence.shape
    if sequence.stride(0) < sequence.stride(1):
        return sequence.new_empty(B, T, width).transpose(0, 1)
    return sequence.new_empty(T, B, width)


def like(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight or a state as a kernel reads it."""
    return tensor if tensor.dtype == dtype and tensor.is_contiguous() else tensor.to(dtype).contiguous()


def sum_rows(rows: Tensor) -> Tensor:
    """The sum over the first dimension, in one order for any number of threads."""
    if rows.shape[0] == 1:
        return rows.view(-1)
    one = rows.shape[1] == 1 and len(rows)
    return rows.cumsum(0)[-1] if one else rows.sum(0)  # torch divides a sum to one number by threads
