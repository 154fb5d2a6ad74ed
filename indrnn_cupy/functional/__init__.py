"""The recurrences as functions, which check their arguments."""

from ..ops.chunks import chunk_steps
from ..ops.egru_forms import egru_form
from .diagonal import hgrn, hgrn_complex, lru, rglru
from .egru import egru
from .gated import linear_recurrence, mingru, minlstm
from .indrnn import indrnn
from .indylstm import indygru, indylstm
from .irevrnn import irevrnn
from .spiking import lif
from .sru import qrnn, sru
from .unicornn import unicornn

__all__ = [
    "chunk_steps",
    "egru",
    "egru_form",
    "hgrn",
    "hgrn_complex",
    "indrnn",
    "indygru",
    "indylstm",
    "irevrnn",
    "lif",
    "linear_recurrence",
    "lru",
    "mingru",
    "minlstm",
    "qrnn",
    "rglru",
    "sru",
    "unicornn",
]
