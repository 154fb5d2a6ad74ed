"""Command lines of the tasks: training, with presets and resuming, and evaluation of a checkpoint."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import tyro

from indrnn_cupy import KernelError, reuse_freed_memory
from indrnn_cupy.layers.activity import SHARES

from .checkpoint import read, restore
from .config import Config, TaskError, TrainingConfig, first_line
from .distributed import first_to_fail, rank
from .evaluation import evaluate_checkpoint
from .interruption import Stopped
from .resuming import read_run
from .task import Task
from .training import train

Settings = TypeVar("Settings")


def train_command(
    module: str,
    description: str | None,
    make_task: Callable[[Any], Task],
    presets: Mapping[str, Config],
    arguments: list[str] | None = None,
) -> None:
    """Runs `python -m <module> [--preset NAME] [--resume FOLDER] [settings]`. The first preset is the default."""
    default = next(iter(presets.values()))
    parser = argparse.ArgumentParser(prog=f"python -m {module}", add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", choices=presets)
    parser.add_argument("--resume", type=Path)
    chosen, rest = parser.parse_known_args(arguments)
    text = f"{description}\n--preset NAME: {', '.join(presets)}.\n--resume FOLDER: resume a run with its own settings."

    def run() -> None:
        folder = saved = None
        if chosen.resume:
            if rest or chosen.preset:
                raise TaskError(f"--resume uses the settings of the run; leave out {' '.join(rest) or '--preset'}")
            folder = chosen.resume
            config, saved = read_run(folder, type(default))
        else:
            start = presets[chosen.preset] if chosen.preset else default
            config = tyro.cli(type(default), args=rest, default=start, prog=parser.prog, description=text)
        check(config, folder and folder / "last.pt")
        result, path = train(config, make_task, folder, saved)
        if path:
            print(f"{path}/: test {describe(result)}")

    guarded(run, f"python -m {module}")


def evaluate_command(
    module: str,
    description: str | None,
    make_task: Callable[[Any], Task],
    config_class: type[Config],
    arguments: list[str] | None = None,
) -> None:
    """Runs `python -m <module> --checkpoint FILE [--scores FILE] [settings]`; settings default to the checkpoint's."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", add_help=False, allow_abbrev=False)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--scores", type=Path)
    chosen, rest = parser.parse_known_args(arguments)

    def run() -> None:
        if chosen.checkpoint is None and not {"-h", "--help"} & set(rest):
            raise TaskError("--checkpoint is missing; pass the best.pt of a run")
        path = chosen.checkpoint
        saved = read(path, config_class.task) if path else None
        start = restore(config_class, path, saved["config"]) if saved else config_class()
        text = f"{description}\n--checkpoint FILE: the best.pt of a run; settings default to those of the run."
        text += "\n--scores FILE: write the network's outputs for each test sample to this .npz file."
        config = tyro.cli(config_class, args=rest, default=start, prog=parser.prog, description=text)
        check(config, path)
        assert saved
        result, count = evaluate_checkpoint(config, make_task, path, saved, chosen.scores)
        if rank() == 0:
            print(f"{path}: test {describe(result)}, {count} samples")

    guarded(run, f"python -m {module}")


def run_command(
    module: str,
    description: str | None,
    config_class: type[Settings],
    run: Callable[[Settings], None],
    arguments: list[str] | None = None,
) -> None:
    """Runs `python -m <module> [settings]`, for commands other than training and evaluation."""
    prog = f"python -m {module}"
    guarded(lambda: run(tyro.cli(config_class, args=arguments, description=description, prog=prog)), prog)


def check(config: TrainingConfig, source: Path | None) -> None:
    """Raises TaskError for an invalid setting; the message names the file that the settings are from, if any."""
    try:
        config.check()
    except TaskError as error:
        raise TaskError(f"{source}: {error}" if source else str(error)) from None


def describe(result: dict[str, float]) -> str:
    shares = {"accuracy", *SHARES}
    return ", ".join(
        f"{k.replace('_', ' ')} {100 * v:.2f} %" if k in shares else f"{k} {v:.5f}" for k, v in result.items()
    )


def guarded(run: Callable[[], None], command: str) -> None:
    """Runs a command; errors that the user can fix are printed on one line, with exit status 2."""
    reuse_freed_memory()
    try:
        run()
    except (TaskError, OSError) as error:
        if first_to_fail():
            print(f"error: {' '.join(str(error).splitlines())}", file=sys.stderr)
        sys.exit(2)
    except KernelError as error:  # what the compiler says is long
        if first_to_fail():
            print(f"error: {first_line(error)}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stopped:
        if stopped.folder:  # in the first process
            print(f"{stopped}; to resume: {command} --resume {stopped.folder}", file=sys.stderr)
        sys.exit(130)
    except KeyboardInterrupt:
        print("\nstopped immediately; all files written so far are complete", file=sys.stderr)
        sys.exit(130)
