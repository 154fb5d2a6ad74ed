"""Evaluates a checkpoint of the adding problem on its generated test sequences."""

from ..command import evaluate_command
from .task import Config, make_task


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.adding_problem.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
