"""Where CUDA_RNN has its MinLSTMCell."""

from .cells import MinLSTMCell

__all__ = ["MinLSTMCell"]
