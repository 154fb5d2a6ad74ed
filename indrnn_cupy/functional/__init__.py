"""The recurrences as functions: checked, documented entry points."""

from .checks import check_activation
from .indrnn import indrnn
from .irevrnn import check_sub_steps, irevrnn, kept_every

__all__ = ["check_activation", "check_sub_steps", "indrnn", "irevrnn", "kept_every"]
