"""The recurrences as functions: checked, documented entry points."""

from ..ops.chunks import chunk_steps
from .gated import linear_recurrence, mingru, minlstm
from .indrnn import indrnn
from .irevrnn import irevrnn

__all__ = ["chunk_steps", "indrnn", "irevrnn", "linear_recurrence", "mingru", "minlstm"]
