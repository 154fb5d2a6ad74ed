"""The recurrences as torch.nn modules, and the networks made of them."""

from .block import RecurrentBlock
from .bounds import clamp_recurrent_, recurrences, recurrent_penalty, spread_memory_
from .deep import DenseNetwork, PlainNetwork, ResidualNetwork
from .gated import MinGRURecurrence, MinLSTMRecurrence
from .indrnn import IndRNN, IndRNNRecurrence
from .irevrnn import IRevRNN, IRevRNNRecurrence
from .mingru import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from .norm import SequenceBatchNorm, SequenceDropout, StepBatchNorm, with_differences
from .reversible import ReversibleNetwork

__all__ = [
    "DenseNetwork",
    "IRevRNN",
    "IRevRNNRecurrence",
    "IndRNN",
    "IndRNNRecurrence",
    "MinGRU",
    "MinGRUCell",
    "MinGRURecurrence",
    "MinLSTM",
    "MinLSTMCell",
    "MinLSTMRecurrence",
    "PlainNetwork",
    "RecurrentBlock",
    "ResidualNetwork",
    "ReversibleNetwork",
    "SequenceBatchNorm",
    "SequenceDropout",
    "StepBatchNorm",
    "clamp_recurrent_",
    "recurrences",
    "recurrent_penalty",
    "spread_memory_",
    "with_differences",
]
