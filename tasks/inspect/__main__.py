"""Draws what individual units of a trained network do: `python -m tasks.inspect runs/sequential_mnist-1/best.pt`.

For a network of IndRNN or IRevRNN, writes to a folder:

    memories.png    how long each unit of each layer remembers
    impulses.png    the response of some units to a single input
    traces.png      the outputs of the same units while the network reads a test sample
    silencing.png   the metric when a layer's units with short, ..., long memories are fixed at their means
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from torch.utils.data import DataLoader, Subset

from ..checkpoint import load, read_any, restore
from ..command import run_command
from ..config import TaskError
from ..evaluation import evaluate
from ..files import naming, write_whole
from . import pictures
from .units import chosen, groups, impulses, layers, memories, recorded, silenced

TASKS = ("adding_problem", "characters", "sequences", "sequential_mnist", "skeleton_action")


@dataclass
class Config:
    checkpoint: Annotated[Path, tyro.conf.Positional]
    """The best.pt of a run of any task."""
    output: Path | None = None
    """Folder to save the pictures to; defaults to `inspect` in the folder of the checkpoint."""
    data: str | None = None
    """Path of the run's data, if not that in its settings."""
    sample: int = 0
    """Index of the test sample to read."""
    units: int = 5
    """Number of units to draw per layer."""
    groups: int = 4
    """Number of groups, by memory, in which units are silenced."""
    samples: int = 500
    """Number of test samples to measure that on."""


def inspect(config: Config) -> dict[str, bytes]:
    """Draws the pictures, and returns them by name."""
    saved = read_any(config.checkpoint)
    if saved["task"] not in TASKS:
        raise TaskError(f"{config.checkpoint} is from the task {saved['task']!r}, expected one of {', '.join(TASKS)}")
    module = import_module(f"tasks.{saved['task']}.task")
    settings = restore(module.Config, config.checkpoint, saved["config"])
    if config.data is not None:
        setattr(settings, {"characters": "text", "sequences": "data"}.get(saved["task"], "data_dir"), config.data)
    settings.check()
    task = module.make_task(settings)
    load(config.checkpoint, {"model": task.model}, saved)
    model = task.model.eval()
    if not 0 <= config.sample < len(task.test):
        raise TaskError(f"--sample is {config.sample}, expected 0 to {len(task.test) - 1}")
    with recorded(model) as outputs, torch.no_grad():
        model(task.test[config.sample][0].unsqueeze(0))
    steps = len(outputs[0])
    states = [output[:, 0].float().numpy() for output in outputs]
    every = [memories(layer, 10.0 * steps) for layer in layers(model)]
    some = [
        chosen(memory, np.asarray(state.any(axis=0)), config.units) for memory, state in zip(every, states, strict=True)
    ]
    remembered = [memory[units] for memory, units in zip(every, some, strict=True)]
    responses = [impulses(layer, units, steps) for layer, units in zip(layers(model), some, strict=True)]
    traces = [state[:, units] for state, units in zip(states, some, strict=True)]
    traces = [trace / np.maximum(abs(trace).max(0), 1e-9) for trace in traces]
    whole, without, ranges = silencing(model, task, settings, every, config)
    return {
        "memories.png": pictures.draw_memories(every, steps),
        "impulses.png": pictures.draw_lines("After an input of 1 at the first step", "step", responses, remembered),
        "traces.png": pictures.draw_lines(
            f"While the network reads test sample {config.sample}, each scaled to its peak", "step", traces, remembered
        ),
        "silencing.png": pictures.draw_silencing(task.metric, whole, without, ranges),
    }


def silencing(
    model: torch.nn.Module, task: Any, settings: Any, every: list[np.ndarray], config: Config
) -> tuple[float, np.ndarray, list[list[str]]]:
    """Returns the metric of the whole network and without each group of each layer, and the groups' memories."""
    count = min(config.samples, len(task.test))
    order = torch.randperm(len(task.test), generator=torch.Generator().manual_seed(0))[:count].tolist()
    if task.streams:
        order = list(range(max(1, count // settings.batch_size) * settings.batch_size))
    some = Subset(task.test, order)

    with recorded(model) as outputs, torch.no_grad():
        model(next(iter(DataLoader(some, settings.batch_size)))[0])
    means = [output.float().mean((0, 1)) for output in outputs]

    def measured() -> float:
        return evaluate(model, task, some, settings, torch.device("cpu")).values[task.metric]

    parts = [groups(memory, config.groups) for memory in every]
    without = np.full((len(parts), max(map(len, parts))), np.nan)
    ranges = [
        [f"{memory[units].min():.3g}-{memory[units].max():.3g}" for units in of]
        for memory, of in zip(every, parts, strict=True)
    ]
    for row, (layer, of, mean) in enumerate(zip(layers(model), parts, means, strict=True)):
        for column, units in enumerate(of):
            with silenced(layer, units, mean):
                without[row, column] = measured()
    return measured(), without, [names + [""] * (without.shape[1] - len(names)) for names in ranges]


def main(arguments: list[str] | None = None) -> None:
    def run(config: Config) -> None:
        for name in ("units", "groups", "samples"):
            if getattr(config, name) < 1:
                raise TaskError(f"--{name} is {getattr(config, name)}, expected 1 or more")
        folder = config.output or config.checkpoint.parent / "inspect"
        drawn = inspect(config)
        with naming(folder, "created"):
            folder.mkdir(parents=True, exist_ok=True)
        for name, content in drawn.items():
            write_whole(folder / name, content)
        print(f"{folder}/: {', '.join(drawn)}")

    run_command("tasks.inspect", __doc__, Config, run, arguments)


if __name__ == "__main__":
    main()
