"""Trains a recurrent network on the adding problem; a network without memory has a mean squared error of 0.167.

For example: python -m tasks.adding_problem.train --length 5000
"""

from ..command import train_command
from .task import Config, make_task

PRESETS = {"default": Config(steps=1500, evaluate_every=100, batch_size=50)}


def main(arguments: list[str] | None = None) -> None:
    train_command("tasks.adding_problem.train", __doc__, make_task, PRESETS, arguments)


if __name__ == "__main__":
    main()
