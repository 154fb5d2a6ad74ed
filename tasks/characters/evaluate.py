"""Measures a checkpoint on the test part of its text, or of another of the same characters."""

from ..command import evaluate_command
from .task import Config, make_task


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.characters.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
