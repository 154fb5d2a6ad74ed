"""The recurrences as torch.nn modules, and networks built from them."""

from .activity import Activity, activity_penalty, record_activity
from .block import RecurrentBlock
from .bounds import clamp_recurrent_, recurrences, recurrent_penalty, spread_memory_
from .deep import DenseNetwork, PlainNetwork, ResidualNetwork
from .diagonal import HGRN, LRU, RGLRU, HGRNRecurrence, LRURecurrence, RGLRURecurrence
from .dropout import SequenceDropout
from .egru import EGRU
from .egru_recurrence import EGRURecurrence
from .gated import MinGRURecurrence, MinLSTMRecurrence
from .indrnn import IndRNN, IndRNNRecurrence
from .indylstm import IndyGRU, IndyGRURecurrence, IndyLSTM, IndyLSTMRecurrence
from .irevrnn import IRevRNN, IRevRNNRecurrence
from .mingru import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from .norm import SequenceBatchNorm, StepBatchNorm
from .output import OutputOnly
from .padding import last_step, with_differences
from .reversible import ReversibleNetwork
from .spiking import LIF, LIFRecurrence
from .sru import QRNN, SRU, QRNNRecurrence, SRURecurrence
from .unicornn import UnICORNN, UnICORNNRecurrence

__all__ = [
    "EGRU",
    "HGRN",
    "LIF",
    "LRU",
    "QRNN",
    "RGLRU",
    "SRU",
    "Activity",
    "DenseNetwork",
    "EGRURecurrence",
    "HGRNRecurrence",
    "IRevRNN",
    "IRevRNNRecurrence",
    "IndRNN",
    "IndRNNRecurrence",
    "IndyGRU",
    "IndyGRURecurrence",
    "IndyLSTM",
    "IndyLSTMRecurrence",
    "LIFRecurrence",
    "LRURecurrence",
    "MinGRU",
    "MinGRUCell",
    "MinGRURecurrence",
    "MinLSTM",
    "MinLSTMCell",
    "MinLSTMRecurrence",
    "OutputOnly",
    "PlainNetwork",
    "QRNNRecurrence",
    "RGLRURecurrence",
    "RecurrentBlock",
    "ResidualNetwork",
    "ReversibleNetwork",
    "SRURecurrence",
    "SequenceBatchNorm",
    "SequenceDropout",
    "StepBatchNorm",
    "UnICORNN",
    "UnICORNNRecurrence",
    "activity_penalty",
    "clamp_recurrent_",
    "last_step",
    "record_activity",
    "recurrences",
    "recurrent_penalty",
    "spread_memory_",
    "with_differences",
]
