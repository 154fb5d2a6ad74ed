"""Where CUDA_RNN has its MinGRUCellCUDA."""

from .cells import MinGRUCellCUDA

__all__ = ["MinGRUCellCUDA"]
