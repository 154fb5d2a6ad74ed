"""`min_rnn` of github.com/DaoudiAmir/CUDA_RNN: minGRU and minLSTM cells on NumPy arrays, one sequence at a time."""

from .cells import MinGRUCell, MinGRUCellCUDA, MinLSTMCell, MinLSTMCellCUDA

__all__ = ["MinGRUCell", "MinGRUCellCUDA", "MinLSTMCell", "MinLSTMCellCUDA"]
