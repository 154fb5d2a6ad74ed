"""Where CUDA_RNN has its MinGRUCell."""

from .cells import MinGRUCell

__all__ = ["MinGRUCell"]
