"""Writes text by a checkpoint, one symbol at a time, each drawn from what the network expects.

python -m tasks.characters.generate --checkpoint runs/characters-1/best.pt --prompt "The " --length 300
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from ..checkpoint import load, read, restore
from ..command import guarded
from ..config import TaskError
from .task import CharacterNetwork
from .task import Config as NetworkConfig
from .text import Symbols


@dataclass
class Config:
    checkpoint: Path
    """The best.pt of a run."""
    prompt: str = "\n"
    """What the text begins with."""
    length: int = 500
    """Symbols to write after it."""
    temperature: float = 0.8
    """What the logits are divided by: with less, likelier symbols are drawn."""
    seed: int = 0


@torch.no_grad()
def generate(network: CharacterNetwork, prompt: list[int], length: int, temperature: float, seed: int) -> list[int]:
    """The numbers of `length` symbols after a prompt of one symbol or more."""
    generator = torch.Generator().manual_seed(seed)
    written, state = [], None
    for number in prompt:
        logits, state = network.step(torch.tensor([number]), state)
    for _ in range(length):
        chances = (logits[0].double() / temperature).softmax(0)
        if not chances.isfinite().all():
            raise TaskError("the network expects NaN: the checkpoint is damaged, or its training went wrong")
        written.append(int(torch.multinomial(chances, 1, generator=generator)))
        logits, state = network.step(torch.tensor(written[-1:]), state)
    return written


def main(arguments: list[str] | None = None) -> None:
    def run() -> None:
        config = tyro.cli(Config, args=arguments, prog="python -m tasks.characters.generate", description=__doc__)
        if not 1e-3 <= config.temperature <= 1e3:
            raise TaskError(f"--temperature is {config.temperature}, expected a number from 0.001 to 1000")
        if config.length < 0 or not config.prompt or not 0 <= config.seed < 2**63:
            raise TaskError("expected a --length and a --seed of 0 or more, and a --prompt that is not empty")
        saved = read(config.checkpoint, NetworkConfig.task)
        settings = restore(NetworkConfig, config.checkpoint, saved["config"])
        settings.device = "cpu"
        settings.check()
        symbols = Symbols(settings.alphabet)
        network = CharacterNetwork(settings, len(symbols))
        load(config.checkpoint, {"model": network}, saved)
        prompt = symbols.encode(os.fsencode(config.prompt), "--prompt", mark=False).tolist()
        written = generate(network.eval(), prompt, config.length, config.temperature, config.seed)
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # to a terminal of fewer characters
        sys.stdout.write(symbols.decode(prompt + written) + "\n")

    guarded(run, "python -m tasks.characters.generate")


if __name__ == "__main__":
    main()
