"""The recurrences as torch.nn modules, and the networks made of them."""

from .block import IndRNNBlock
from .bounds import clamp_recurrent_, recurrences, recurrent_penalty, spread_memory_
from .deep import DenseIndRNN, PlainIndRNN, ResidualIndRNN
from .indrnn import IndRNN, IndRNNRecurrence
from .norm import SequenceBatchNorm, SequenceDropout, StepBatchNorm, with_differences

__all__ = [
    "DenseIndRNN",
    "IndRNN",
    "IndRNNBlock",
    "IndRNNRecurrence",
    "PlainIndRNN",
    "ResidualIndRNN",
    "SequenceBatchNorm",
    "SequenceDropout",
    "StepBatchNorm",
    "clamp_recurrent_",
    "recurrences",
    "recurrent_penalty",
    "spread_memory_",
    "with_differences",
]
