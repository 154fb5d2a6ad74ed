"""The folder of one training run: settings, metrics, curves and checkpoints, each file written atomically."""

import csv
import io
import itertools
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import confusion
from .checkpoint import check_like, read, restore
from .config import TaskError, TrainingConfig
from .files import naming, write_whole

Rows = list[dict[str, float]]


def new_folder(runs: Path, task: str, name: str | None) -> Path:
    """Creates `runs/<name>/`, which must not exist; without a name, the first free `runs/<task>-<number>/`."""
    with naming(runs, "created"):
        runs.mkdir(parents=True, exist_ok=True)
    for folder in [runs / name] if name else (runs / f"{task}-{n}" for n in itertools.count(1)):
        with naming(folder, "created"), suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise TaskError(f"the run folder {folder} already exists; choose another --name")


class RunFolder:
    def __init__(self, path: Path, tensorboard: bool = False) -> None:
        self.path, self.events, self.told = path, None, 0
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # a separate package

            self.events = SummaryWriter(path)

    def write(self, name: str, content: bytes) -> None:
        try:
            write_whole(self.path / name, content)
        except TaskError as error:
            again = f"; fix that, then continue with --resume {self.path}" if (self.path / "last.pt").is_file() else ""
            raise TaskError(f"{error}{again}") from None

    def save(self, name: str, checkpoint: dict[str, Any]) -> None:
        """Saves a checkpoint that `torch.load(..., weights_only=True)` reads."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        self.write(name, content.getvalue())

    def best_model(self, config: TrainingConfig, model: nn.Module) -> dict[str, Tensor]:
        """Returns the weights of best.pt, which must be from a run with these settings."""
        path = self.path / "best.pt"
        try:
            saved = read(path, config.task)
            for name, value in asdict(restore(type(config), path, saved["config"])).items():
                if value != (own := getattr(config, name)):
                    raise TaskError(f"{path} is from another run: its {name} is {value!r}, expected {own!r}")
            check_like(path, "model", saved["model"], model.state_dict())
        except TaskError as error:
            remedy = f"restore it, or copy {self.path / 'last.pt'} to it, which then counts as the best so far"
            raise TaskError(f"{error}; the run needs it at the end: {remedy}") from None
        return saved["model"]

    def write_config(self, config: dict[str, Any]) -> None:
        self.write("config.json", json.dumps(config, indent=2).encode() + b"\n")

    def write_metrics(self, rows: Rows, metric: str, baseline: float | None) -> None:
        """Writes metrics.csv, the same for TensorBoard if enabled, and curves.png."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(itertools.chain(*rows))), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write("metrics.csv", text.getvalue().encode())
        self.write("curves.png", draw(rows, metric, baseline))
        if self.events:
            for row in rows[self.told :]:
                for name, value in row.items():
                    self.events.add_scalar(name, value, int(row["step"]))
            self.events.flush()
            self.told = len(rows)

    def write_confusion(self, counts: Tensor, classes: Sequence[str]) -> None:
        """Writes classes.csv and confusion.png, for the test set."""
        self.write("classes.csv", confusion.table(counts, classes))
        self.write("confusion.png", confusion.draw(counts, classes))


def draw(rows: Rows, metric: str, baseline: float | None) -> bytes:
    """Plots the loss and the metric over the steps, as PNG."""
    from matplotlib.figure import Figure  # takes half a second to import

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    steps = [row["step"] for row in rows]
    for axes, name in zip(figure.subplots(1, 2), ("loss", metric), strict=True):
        for part in ("train", "validation"):
            marker = "o" if len(steps) < 40 else ""
            axes.plot(steps, [row[f"{part}_{name}"] for row in rows], marker=marker, markersize=3, label=part)
        if name == metric and baseline is not None:
            axes.axhline(baseline, color="gray", linestyle="--", label=f"baseline {baseline:.3f}")
        axes.set(title=name, xlabel="step", xlim=(0, None))
        if name == "loss":
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.01 if name == "accuracy" else None)
        axes.legend(loc="lower right" if name == "accuracy" else "best")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    image = io.BytesIO()
    figure.savefig(image, dpi=120)
    return image.getvalue()
