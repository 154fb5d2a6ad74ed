"""Evaluates a checkpoint on the test series of its data set."""

from ..command import evaluate_command
from .task import Config, make_task


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.sequences.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
