"""The folder of one training run: settings, metrics, curves and checkpoints, each file written whole or not at all."""

import csv
import io
import itertools
import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import confusion
from .config import TaskError, first_line

Rows = list[dict[str, float]]


def new_folder(runs: Path, task: str, name: str | None) -> Path:
    """Makes `runs/<name>/`, which must not exist; without a name, the first free `runs/<task>-<number>/`."""
    runs.mkdir(parents=True, exist_ok=True)
    for candidate in [name] if name else (f"{task}-{n}" for n in itertools.count(1)):
        try:
            (runs / candidate).mkdir()
            break
        except FileExistsError:
            if name:
                raise TaskError(f"the run folder {runs / name} exists; choose another --name") from None
    return runs / candidate


def read_checkpoint(path: Path, task: str) -> dict[str, Any]:
    """Reads a checkpoint of a task's run. Nothing in the file is executed."""
    if not path.is_file():
        raise TaskError(f"there is no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise TaskError(f"{path} is not a checkpoint of tensors alone: {first_line(error)}") from None
    if not isinstance(checkpoint, dict) or not {"task", "config", "model"} <= checkpoint.keys():
        raise TaskError(f"{path} is not a checkpoint of these tasks")
    if checkpoint["task"] != task:
        raise TaskError(f"{path} is a checkpoint of the task {checkpoint['task']}, expected {task}")
    return checkpoint


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: bytes) -> None:
        write_whole(self.path / name, content)

    def save(self, name: str, checkpoint: dict[str, Any]) -> None:
        """Saves a checkpoint that `torch.load(..., weights_only=True)` reads."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        self.write(name, content.getvalue())

    def write_config(self, config: dict[str, Any]) -> None:
        self.write("config.json", json.dumps(config, indent=2).encode() + b"\n")

    def write_metrics(self, rows: Rows, metric: str, baseline: float | None) -> None:
        """Writes metrics.csv and draws curves.png."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write("metrics.csv", text.getvalue().encode())
        self.write("curves.png", draw(rows, metric, baseline))

    def write_confusion(self, counts: Tensor, classes: Sequence[str]) -> None:
        """Writes classes.csv and draws confusion.png, of the test set."""
        self.write("classes.csv", confusion.table(counts, classes))
        self.write("confusion.png", confusion.draw(counts, classes))


def draw(rows: Rows, metric: str, baseline: float | None) -> bytes:
    """Loss and metric over the steps, as PNG."""
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
