"""`cuda_IndRNN_onlyrecurrent` of github.com/Sunnydreamrain/IndRNN_pytorch, here for CPU and GPU alike."""

from .IndRNN_onlyrecurrent import IndRNN_onlyrecurrent

cuda_IndRNN_onlyrecurrent = IndRNN_onlyrecurrent
__all__ = ["IndRNN_onlyrecurrent", "cuda_IndRNN_onlyrecurrent"]
