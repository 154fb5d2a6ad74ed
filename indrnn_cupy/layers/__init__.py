"""The recurrences as torch.nn modules, and the networks made of them."""

from .activity import Activity, activity_penalty, record_activity
from .block import RecurrentBlock
from .bounds import clamp_recurrent_, recurrences, recurrent_penalty, spread_memory_
from .deep import DenseNetwork, PlainNetwork, ResidualNetwork
from .dropout import SequenceDropout
from .egru import EGRU
from .egru_recurrence import EGRURecurrence
from .gated import MinGRURecurrence, MinLSTMRecurrence
from .indrnn import IndRNN, IndRNNRecurrence
from .irevrnn import IRevRNN, IRevRNNRecurrence
from .mingru import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from .norm import SequenceBatchNorm, StepBatchNorm
from .padding import last_step, with_differences
from .reversible import ReversibleNetwork

__all__ = [
    "EGRU",
    "Activity",
    "DenseNetwork",
    "EGRURecurrence",
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
    "activity_penalty",
    "clamp_recurrent_",
    "last_step",
    "record_activity",
    "recurrences",
    "recurrent_penalty",
    "spread_memory_",
    "with_differences",
]
