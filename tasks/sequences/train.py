"""Trains a recurrent network to classify time series, or to predict a number for each.

    python -m tasks.sequences.train
    python -m tasks.sequences.train --data my.npz --model mingru
    python -m tasks.sequences.train --data JapaneseVowels_TRAIN.ts --readout mean

Without --data: the 1,797 digits of 8 x 8 pixels that come with scikit-learn, one pixel at a time.
"""

from ..command import train_command
from .task import Config, make_task

PRESETS = {"quick": Config(hidden_size=64, num_layers=3, steps=1500, evaluate_every=150)}


def main(arguments: list[str] | None = None) -> None:
    train_command("tasks.sequences.train", __doc__, make_task, PRESETS, arguments)


if __name__ == "__main__":
    main()
