"""The folder of one training run: settings, metrics, curves and checkpoints, each file written whole or not at all."""

import csv
import io
import itertools
import json
import os
from pathlib import Path
from typing import Any

import torch


class RunFolder:
    """`runs/<name>/`, which must not exist; without a name, the first free `runs/<task>-<number>/`."""

    def __init__(self, runs: Path, task: str, name: str | None, settings: dict[str, Any]) -> None:
        runs.mkdir(parents=True, exist_ok=True)
        for candidate in [name] if name else (f"{task}-{n}" for n in itertools.count(1)):
            try:
                (runs / candidate).mkdir()
                break
            except FileExistsError:
                if name:
                    raise FileExistsError(f"the run folder {runs / name} exists; choose another --name") from None
        self.path = runs / candidate
        self.rows: list[dict[str, float]] = []
        self._write("config.json", json.dumps(settings, indent=2, default=str).encode())

    def _write(self, name: str, content: bytes) -> None:
        draft = self.path / f".{name}.tmp"
        try:
            draft.write_bytes(content)
            os.replace(draft, self.path / name)
        finally:
            draft.unlink(missing_ok=True)

    def log(self, row: dict[str, float]) -> None:
        """Adds a row to metrics.csv and draws curves.png again."""
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(row))
        writer.writeheader()
        writer.writerows(self.rows)
        self._write("metrics.csv", text.getvalue().encode())
        self._draw()

    def _draw(self) -> None:
        from matplotlib.figure import Figure  # takes half a second to import

        figure = Figure(figsize=(9, 3.6), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        epochs = [row["epoch"] for row in self.rows]
        marker = "o" if len(epochs) < 40 else ""
        loss.plot(epochs, [row["train_loss"] for row in self.rows], marker=marker, markersize=3)
        loss.set(title="Training loss", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
        for part, label in (("train", "train, with dropout"), ("validation", "validation")):
            values = [100 * row[f"{part}_accuracy"] for row in self.rows]
            accuracy.plot(epochs, values, marker=marker, markersize=3, label=label)
        accuracy.set(title="Accuracy", xlabel="epoch", ylabel="%", ylim=(0, 101))
        accuracy.legend(loc="lower right")
        for axes in (loss, accuracy):
            axes.set_xlim(0, None)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        image = io.BytesIO()
        figure.savefig(image, dpi=120)
        self._write("curves.png", image.getvalue())

    def save(self, name: str, checkpoint: dict[str, Any]) -> None:
        """Saves a checkpoint that `torch.load(..., weights_only=True)` reads."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        self._write(name, content.getvalue())

    def load(self, name: str) -> dict[str, Any]:
        return torch.load(self.path / name, weights_only=True)
