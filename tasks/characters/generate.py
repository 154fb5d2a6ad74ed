"""Generates text with a checkpoint, one symbol at a time, each sampled from the network's prediction.

python -m tasks.characters.generate --checkpoint runs/characters-1/best.pt --prompt "The " --length 300
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoint import load, read, restore
from ..command import run_command
from ..config import TaskError
from .task import CharacterNetwork
from .task import Config as NetworkConfig
from .text import Symbols


@dataclass
class Config:
    checkpoint: Path
    """The best.pt of a run."""
    prompt: str = "\n"
    """Text to continue."""
    length: int = 500
    """Number of symbols to generate."""
    temperature: float = 0.8
    """Sampling temperature, which divides the logits: lower values favour likely symbols."""
    seed: int = 0


@torch.no_grad()
def generate(network: CharacterNetwork, prompt: list[int], length: int, temperature: float, seed: int) -> list[int]:
    """Returns the indices of `length` symbols sampled after a prompt of at least one symbol."""
    generator = torch.Generator().manual_seed(seed)
    written, state = [], None
    for number in prompt:
        logits, state = network.step(torch.tensor([number]), state)
    for _ in range(length):
        chances = (logits[0].double() / temperature).softmax(0)
        if not chances.isfinite().all():
            raise TaskError("the network predicts NaN: the checkpoint is damaged, or its training diverged")
        written.append(int(torch.multinomial(chances, 1, generator=generator)))
        logits, state = network.step(torch.tensor(written[-1:]), state)
    return written


def main(arguments: list[str] | None = None) -> None:
    def run(config: Config) -> None:
        if not 1e-3 <= config.temperature <= 1e3:
            raise TaskError(f"--temperature is {config.temperature}, expected a number from 0.001 to 1000")
        if config.length < 0 or not config.prompt or not 0 <= config.seed < 2**63:
            raise TaskError("expected a --length and a --seed of 0 or more, and a non-empty --prompt")
        saved = read(config.checkpoint, NetworkConfig.task)
        settings = restore(NetworkConfig, config.checkpoint, saved["config"])
        settings.device = "cpu"
        settings.check()
        symbols = Symbols(settings.alphabet)
        network = CharacterNetwork(settings, len(symbols))
        load(config.checkpoint, {"model": network}, saved)
        prompt = symbols.encode(os.fsencode(config.prompt), "--prompt", mark=False).tolist()
        written = generate(network.eval(), prompt, config.length, config.temperature, config.seed)
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # for terminals with fewer characters
        sys.stdout.write(symbols.decode(prompt + written) + "\n")

    run_command("tasks.characters.generate", __doc__, Config, run, arguments)


if __name__ == "__main__":
    main()
