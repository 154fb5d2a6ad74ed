"""The recurrences as functions: checked, documented entry points."""

from ..ops.chunks import chunk_steps
from .checks import check_activation
from .gated import linear_recurrence, mingru, minlstm
from .indrnn import indrnn
from .irevrnn import check_sub_steps, irevrnn, kept_every

__all__ = [
    "check_activation",
    "check_sub_steps",
    "chunk_steps",
    "indrnn",
    "irevrnn",
    "kept_every",
    "linear_recurrence",
    "mingru",
    "minlstm",
]
