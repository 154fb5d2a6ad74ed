"""The recurrences as functions: checked, documented entry points."""

from ..ops.chunks import chunk_steps
from ..ops.egru_forms import egru_form
from .egru import egru
from .gated import linear_recurrence, mingru, minlstm
from .indrnn import indrnn
from .irevrnn import irevrnn

__all__ = ["chunk_steps", "egru", "egru_form", "indrnn", "irevrnn", "linear_recurrence", "mingru", "minlstm"]
