"""minLSTM with the interface of minGRU-pytorch."""

from ... import functional as F
from .minGRU import minGRU


class minLSTM(minGRU):
    """minLSTM of Feng et al.; arguments and shape: as in :class:`minGRU`.

    Continuing from `prev_hidden` gives the same results as one call over both sequences, unlike in minGRU-pytorch.
    """

    joined = "to_hidden_and_f_i_gate"
    order = (1, 2, 0)
    function = staticmethod(F.minlstm)
