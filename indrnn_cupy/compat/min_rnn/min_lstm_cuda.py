"""The module of CUDA_RNN's MinLSTMCellCUDA."""

from .cells import MinLSTMCellCUDA

__all__ = ["MinLSTMCellCUDA"]
