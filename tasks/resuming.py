"""Resuming a run: every entry of its last checkpoint is checked before any of them is used."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from .checkpoint import check_types, load, read, restore
from .config import Config, TaskError

PROGRESS = {"step": int, "seconds": float, "best": float | None, "rows": list[dict[str, float]]}


def read_run(folder: Path, config_class: type[Config]) -> tuple[Config, dict[str, Any]]:
    """Returns the settings of a run, and its last checkpoint."""
    path, best = folder / "last.pt", folder / "best.pt"
    try:
        saved = read(path, config_class.task)
        if missing := {"optimizer", "schedule", "scaler", "progress", "sums"} - saved.keys():
            raise TaskError(f"{path} cannot be resumed: it lacks {', '.join(sorted(missing))}")
        return restore(config_class, path, saved["config"]), saved
    except TaskError as error:
        raise TaskError(f"{error}; {best} can still be evaluated" if os.path.isfile(best) else str(error)) from None


def take_up(path: Path, saved: Mapping[str, Any], parts: Mapping[str, Any], sums: Collection[str]) -> dict[str, Any]:
    """Loads a checkpoint into the parts of a run, and returns its progress. `sums`: the names of its sums."""
    progress = saved["progress"]
    check_types(path, "progress", progress, PROGRESS)
    check_types(path, "sums", saved["sums"], dict.fromkeys(sums, float))
    if missing := parts.keys() - saved.keys():
        raise TaskError(f"{path} cannot be resumed: it lacks {', '.join(sorted(missing))}")
    if saved["sums"]["samples"] < 0:
        raise TaskError(f"{path} cannot be used: its sums.samples is {saved['sums']['samples']}, expected 0 or more")
    drawn = {"step", *(f"{part}_{name}" for part in ("train", "validation") for name in sums if name != "samples")}
    for row in progress["rows"]:
        if missing := drawn - row.keys():
            raise TaskError(f"{path} cannot be used: a row of its progress.rows lacks {', '.join(sorted(missing))}")
    for group in parts["optimizer"].param_groups:  # a step creates the state, for the expected shapes
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    parts["optimizer"].step()
    load(path, parts, saved)
    last, step = saved["schedule"]["last_epoch"], progress["step"]
    if not 0 <= last <= step:
        raise TaskError(f"{path} cannot be used: its schedule.last_epoch is {last}, expected 0 to its step, {step}")
    return progress
