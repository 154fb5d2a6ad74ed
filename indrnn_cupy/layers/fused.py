"""recurrence -> norm -> dropout in few passes over memory, if nothing needs the tensors in between."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.nn.modules.batchnorm import _BatchNorm

from ..functional.checks import can_compile
from ..functional.run import run_block
from ..ops.block_function import Norm
from ..ops.chunks import chunk_steps
from ..ops.recurrence import transformed
from .dropout import SequenceDropout
from .norm import SequenceBatchNorm, is_synchronized
from .recurrence import Recurrence
from .sequence import State

FORWARDS = (Recurrence.forward, SequenceDropout.forward, SequenceBatchNorm.forward)


def hooked(module: nn.Module) -> bool:
    """Whether calling this module runs a hook, or its call has been compiled."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks) or module._compiled_call_impl is not None or modules._has_any_global_hook()


def fuses(
    recurrence: Recurrence, norm: nn.Module | None, dropout: SequenceDropout, x: Tensor, has_lengths: bool
) -> bool:
    """Whether the recurrence, the norm, if there is one, and the dropout run fused.

    They do not if a module is of another type or has a hook, if the recurrence has several outputs, under torch.func,
    in chunks of time, or without a compiler.
    """
    if not isinstance(x, Tensor) or x.dim() != 3 or not can_compile(x.device):
        return False
    if any(called(part) not in FORWARDS or hooked(part) for part in (recurrence, dropout)) or recurrence.batch_first:
        return False
    if recurrence.outputs > 1:
        return False
    T, B, _ = x.shape
    if transformed() or (x.is_cuda and chunk_steps(T, B, recurrence.hidden_size)):
        return False
    if norm is None:
        return bool(dropout.training and dropout.p)
    return _norm_fuses(norm, recurrence.hidden_size, has_lengths or T * B > 1)


def _norm_fuses(norm: nn.Module, H: int, enough: bool) -> bool:
    """`enough`: there are two or more steps, without which a norm that is not synchronised raises an error."""
    if called(norm) not in FORWARDS or hooked(norm):
        return False
    n: Any = norm.batch_norm
    if called(n) not in (_BatchNorm.forward, nn.SyncBatchNorm.forward) or hooked(n):
        return False
    if not n.track_running_stats or n.num_batches_tracked is None:
        return False
    if n.training and not (enough or is_synchronized(n)):
        return False
    if any(t is None or t.shape != (H,) for t in (n.weight, n.bias, n.running_mean, n.running_var)):
        return False
    return not (is_synchronized(n) and torch.compiler.is_compiling())


def called(module: nn.Module) -> Any:
    """The forward function that a call of the module runs."""
    return None if "forward" in module.__dict__ else type(module).forward


def fused(
    recurrence: Recurrence,
    norm: Any,
    dropout: SequenceDropout,
    x: Tensor,
    state: State | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    bias: Tensor | None = None,
) -> tuple[Tensor, State]:
    """The output and the state; `bias`, (gates * H,), is added to x."""
    call = recurrence.checked_call(x, state)
    mask = dropout.mask(x, x.shape[1], recurrence.hidden_size)
    settings = Norm(None, None, None, None, mask, bias)
    if norm is not None:
        n = norm.batch_norm
        all_reduce = norm._all_reduce if is_synchronized(n) else None
        settings = Norm(n.weight, n.bias, n.running_mean, n.running_var, mask, bias, n.training, n.eps, all_reduce)
    z, state, found = run_block(call, settings, lengths=lengths, resets=resets)
    if norm is not None and found:
        mean, variance, count = found[0]
        certain = lengths is None and not settings.all_reduce
        norm.track(mean, variance, x.shape[0] * x.shape[1] if certain else count[:1])
    return z, state
