"""minLSTM with the interface of minGRU-pytorch."""

from ... import functional as F
from .minGRU import minGRU


class minLSTM(minGRU):
    """minLSTM of Feng et al.; arguments and shape are those of :class:`minGRU`.

    A call that goes on from `prev_hidden` gives what one call over both sequences gives, which it does not there.
    """

    joined = "to_hidden_and_f_i_gate"
    order = (1, 2, 0)
    function = staticmethod(F.minlstm)
