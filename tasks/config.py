"""The settings of every training run."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import torch
import tyro


class TaskError(ValueError):
    """An invalid setting or file: reported on one line, with exit status 2."""


def first_line(error: Exception) -> str:
    """Returns the first line of an error message, truncated: some messages contain the content of a file."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]


@dataclass
class TrainingConfig:
    """Base class of the settings of all tasks."""

    task: ClassVar[str]

    steps: int = 1000
    """Number of optimizer steps."""
    epochs: int | None = None
    """Number of epochs to train, instead of --steps."""
    evaluate_every: int = 200
    """Steps between evaluations, each of which also writes the checkpoints, metrics.csv and curves.png."""
    batch_size: int = 32
    """Total batch size of all processes."""
    learning_rate: float = 2e-3
    """Maximum learning rate of the one-cycle schedule, or initial one of the plateau schedule."""
    schedule: Literal["one_cycle", "plateau"] = "one_cycle"
    warm_up: float = 0.25
    """Fraction of the steps in which the one-cycle schedule increases the learning rate."""
    patience: int = 50
    """Evaluations without improvement before the plateau schedule divides the learning rate by 10."""
    end_rate: float = 1e-6
    """Learning rate below which the plateau schedule ends the run."""
    weight_decay: float = 1e-4
    """Weight decay, on the weight matrices of linear layers only."""
    clip_value: float | None = 10.0
    """Gradient clipping: clips each element of the gradients to [-clip_value, clip_value]."""
    clip_norm: float | None = None
    """Gradient clipping: maximum norm of the gradients of all parameters together."""
    bound_by: Literal["projection", "clamp", "penalty"] = "projection"
    """How recurrent weights are bounded: projected after each step, clamped in forward, or penalised in the loss."""
    penalty: float = 1.0
    """Weight of that penalty in the loss."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Data type of torch.autocast."""
    seed: int = 0
    """Random seed of the weights, the order of the samples, dropout, and everything else drawn at random."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    threads: int | None = None
    """Number of CPU threads; defaults to torch's choice."""
    workers: int = 0
    """Number of subprocesses for data loading; 0 loads in the training process."""
    tensorboard: bool = False
    """Also write the metrics for TensorBoard, to the run folder."""
    name: str | None = None
    """Name of the run folder; defaults to the task's name and the first free number."""
    runs: Annotated[str, tyro.conf.arg(aliases=["--output-path"])] = "runs"
    """Folder in which run folders are created."""

    def check(self) -> None:
        """Raises TaskError for an invalid setting."""
        self.expect_positive("steps", "evaluate_every", "batch_size", "patience", "threads", "epochs")
        self.expect_positive("clip_value", "clip_norm", "penalty")
        self.expect("workers", lambda v: v >= 0, "0 or more")
        self.expect("learning_rate", lambda v: 0 < v <= 1, "a number above 0 and at most 1")
        self.expect("end_rate", lambda v: 0 < v <= 1, "a number above 0 and at most 1")
        if self.tensorboard and not find_spec("tensorboard"):
            raise TaskError("--tensorboard needs the package tensorboard: pip install tensorboard")
        self.expect("warm_up", lambda v: 0 < v < 1, "a number between 0 and 1")
        self.expect("weight_decay", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("seed", lambda v: 0 <= v < 2**63, "a number from 0 to 2**63 - 1")
        self.expect(
            "name", lambda v: v is None or (v.strip(".") and not {"/", "\0"} & set(v)), "the name of a new folder"
        )
        try:
            if torch.empty(0, device=self.device).device.type not in ("cpu", "cuda"):
                raise TaskError(f"--device is {self.device}, expected cpu or cuda")
        except (RuntimeError, AssertionError) as error:
            raise TaskError(f"--device {self.device} cannot be used: {first_line(error)}") from None
        for name, kind in get_type_hints(type(self)).items():
            if get_origin(kind) is Literal:
                self.expect(name, get_args(kind).__contains__, f"one of {', '.join(get_args(kind))}")

    def expect_positive(self, *names: str) -> None:
        for name in names:
            self.expect(name, lambda v: v is None or 0 < v < math.inf, "a number above 0")

    def expect(self, name: str, fits: Callable[[Any], bool], expected: str) -> None:
        value = getattr(self, name)
        try:
            good = fits(value)
        except (TypeError, AttributeError):  # a value of another type, from a checkpoint
            good = False
        if not good:
            raise TaskError(f"--{name.replace('_', '-')} is {value!r}, expected {expected}")


Config = TypeVar("Config", bound=TrainingConfig)
