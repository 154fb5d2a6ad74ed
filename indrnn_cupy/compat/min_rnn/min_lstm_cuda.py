"""Where CUDA_RNN has its MinLSTMCellCUDA."""

from .cells import MinLSTMCellCUDA

__all__ = ["MinLSTMCellCUDA"]
