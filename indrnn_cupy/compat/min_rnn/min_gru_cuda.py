"""The module of CUDA_RNN's MinGRUCellCUDA."""

from .cells import MinGRUCellCUDA

__all__ = ["MinGRUCellCUDA"]
