"""The recurrences as torch.nn modules."""

from .indrnn import IndRNN, IndRNNRecurrence

__all__ = ["IndRNN", "IndRNNRecurrence"]
