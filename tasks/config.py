"""The settings of every training run."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import torch
import tyro


class TaskError(ValueError):
    """A setting or a file that cannot work: said in one line, exit status 2."""


def first_line(error: Exception) -> str:
    """What an error says, in a line that is not too long: some have the content of a file in it."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]


@dataclass
class TrainingConfig:
    """What every task's settings begin with."""

    task: ClassVar[str]

    steps: int = 1000
    """Steps of the optimizer."""
    epochs: int | None = None
    """Times that every training sample is seen, instead of --steps."""
    evaluate_every: int = 200
    """Steps between evaluations, each of which also writes the checkpoints, metrics.csv and curves.png."""
    batch_size: int = 32
    """Of all processes together."""
    learning_rate: float = 2e-3
    """The peak of the one-cycle schedule, or where the plateau schedule begins."""
    schedule: Literal["one_cycle", "plateau"] = "one_cycle"
    warm_up: float = 0.25
    """Share of the steps in which the one-cycle schedule rises."""
    patience: int = 50
    """Evaluations without a better result before the plateau schedule divides the rate by 10."""
    end_rate: float = 1e-6
    """The plateau schedule stops the run below this rate."""
    weight_decay: float = 1e-4
    """On the matrices of linear layers alone."""
    clip_value: float | None = 10.0
    """Each number of a gradient is brought within +-clip_value."""
    clip_norm: float | None = None
    """The gradient of all parameters together is shortened to this norm."""
    bound_by: Literal["projection", "clamp", "penalty"] = "projection"
    """How recurrent weights with a bound are held: brought back after each step, clamped in forward, or by the loss."""
    penalty: float = 1.0
    """Weight of the penalty in the loss."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of torch.autocast."""
    seed: int = 0
    """Of the weights, the order of the samples, dropout, and all that a task draws."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    threads: int | None = None
    """Of torch on a CPU; by default what torch chooses."""
    workers: int = 0
    """Processes that load samples, beside the one that trains."""
    tensorboard: bool = False
    """Write what metrics.csv has for TensorBoard too, into the run's folder."""
    name: str | None = None
    """Of the run's folder; by default the task's name and the first free number."""
    runs: Annotated[str, tyro.conf.arg(aliases=["--output-path"])] = "runs"
    """Where run folders are made."""

    def check(self) -> None:
        """Raises TaskError for a setting that cannot work."""
        self.expect_positive("steps", "evaluate_every", "batch_size", "patience", "threads", "epochs")
        self.expect_positive("clip_value", "clip_norm", "penalty")
        self.expect("workers", lambda v: v >= 0, "0 or more")
        self.expect("learning_rate", lambda v: 0 < v <= 1, "a number above 0, at most 1")
        self.expect("end_rate", lambda v: 0 < v <= 1, "a number above 0, at most 1")
        if self.tensorboard and not find_spec("tensorboard"):
            raise TaskError("--tensorboard needs the package tensorboard: pip install tensorboard")
        self.expect("warm_up", lambda v: 0 < v < 1, "a number between 0 and 1")
        self.expect("weight_decay", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("seed", lambda v: 0 <= v < 2**63, "a number from 0 to 2**63 - 1")
        self.expect(
            "name", lambda v: v is None or (v.strip(".") and not {"/", "\0"} & set(v)), "the name of a folder to make"
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
        except (TypeError, AttributeError):  # of another type, in a checkpoint
            good = False
        if not good:
            raise TaskError(f"--{name.replace('_', '-')} is {value!r}, expected {expected}")


Config = TypeVar("Config", bound=TrainingConfig)
