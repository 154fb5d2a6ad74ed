"""The recurrences as functions: checked, documented entry points."""

from ..ops.chunks import chunk_steps
from .checks import check_activation as check_activation
from .gated import linear_recurrence, mingru, minlstm
from .indrnn import indrnn
from .irevrnn import check_sub_steps as check_sub_steps
from .irevrnn import irevrnn
from .irevrnn import kept_every as kept_every

__all__ = ["chunk_steps", "indrnn", "irevrnn", "linear_recurrence", "mingru", "minlstm"]
