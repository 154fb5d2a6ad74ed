"""Every recurrence in plain PyTorch, with the signatures of `functional`; the kernels are tested against them."""

from .cells import hgrn, hgrn_complex, indygru, indylstm, lru, qrnn, rglru, sru, unicornn
from .egru import egru, zoneout_mask, zoneout_seeds
from .gated import linear_recurrence, mingru, minlstm
from .independent import indrnn, irevrnn
from .run import ACTIVATIONS, run_cell
from .spiking import SURROGATES, lif

__all__ = [
    "ACTIVATIONS",
    "SURROGATES",
    "egru",
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
    "run_cell",
    "sru",
    "unicornn",
    "zoneout_mask",
    "zoneout_seeds",
]
