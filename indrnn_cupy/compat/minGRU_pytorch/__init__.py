"""`minGRU_pytorch` of github.com/lucidrains/minGRU-pytorch: minGRU and minLSTM, with this package's kernels."""

from .minGRU import minGRU
from .minLSTM import minLSTM

__all__ = ["minGRU", "minLSTM"]
