"""Tests a checkpoint of skeleton action recognition on the test clips of its set."""

from ..command import evaluate_command
from .task import Config, make_task


def main(arguments: list[str] | None = None) -> None:
    evaluate_command("tasks.skeleton_action.evaluate", __doc__, make_task, Config, arguments)


if __name__ == "__main__":
    main()
