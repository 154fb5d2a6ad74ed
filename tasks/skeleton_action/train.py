"""Trains a recurrent network to recognise actions from the joints of one or two persons.

    python -m tasks.skeleton_action.train
    python -m tasks.skeleton_action.train --preset paper-plain --data-dir ntu60 --split cross_view

Without --data-dir: a generated figure performs twelve actions. Its clips are written as .skeleton text files of NTU
RGB+D, and read by txt2npy and npy2data as real ones would be. They show that all of it works; they rank no networks.
"""

from dataclasses import replace

from ..command import train_command
from .task import Config, make_task

PLAIN = Config(
    schedule="plateau",
    learning_rate=2e-4,
    patience=20,
    steps=200_000,
    evaluate_every=280,
    batch_size=128,
    hidden_size=512,
    dropout=0.4,
    sampling="published",
    center="none",
    rotation=0.0,
    validation="random",
)
DENSE = replace(PLAIN, network="dense", hidden_size=48, dropout=0.5)
PRESETS = {
    "quick": Config(num_layers=4, dropout=0.2, steps=1200, evaluate_every=100),
    "paper-plain": PLAIN,
    "paper-residual": replace(PLAIN, network="residual", num_layers=5, dropout=0.5, patience=150),
    "paper-dense": DENSE,
    "paper-dense-aug": replace(
        DENSE, joint_lines=True, differences=True, published=True, random_time=True, votes=40, patience=100
    ),
}


def main(arguments: list[str] | None = None) -> None:
    train_command("tasks.skeleton_action.train", __doc__, make_task, PRESETS, arguments)


if __name__ == "__main__":
    main()
