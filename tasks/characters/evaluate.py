"""Evaluates a checkpoint on the test part of its text, or of another text with the same characters."""

from dataclasses import dataclass

from ..command import evaluate_command
from ..task import Task
from . import task
from .task import CharacterNetwork, SteppedNetwork


@dataclass
class Config(task.Config):
    by_steps: bool = False
    """Read one symbol at a time with `step`, as in streaming inference."""


def make_task(config: Config) -> Task:
    return task.make_task(config, SteppedNetwork if config.by_steps else CharacterNetwork)


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.characters.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
