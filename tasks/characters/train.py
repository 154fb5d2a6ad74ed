"""Trains a character-level language model, whose state is carried from window to window of a text.

    python -m tasks.characters.train
    python -m tasks.characters.train --text bible.txt --model mingru --network residual --num-layers 3

Without --text: the help topics that come with Python. The metric is bits per character.
"""

from ..command import train_command
from .task import Config, make_task

PRESETS = {
    "quick": Config(hidden_size=128, num_layers=3, steps=2000, evaluate_every=200, dropout=0.05, clip_norm=1.0),
}


def main(arguments: list[str] | None = None) -> None:
    train_command("tasks.characters.train", __doc__, make_task, PRESETS, arguments)


if __name__ == "__main__":
    main()
