"""Text data: its source, its symbols, and its parts as streams that continue from batch to batch."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..config import TaskError
from ..files import opened

ENDS = {"training": 0.9, "validation": 0.95, "test": 1.0}  # of the parts, as fractions of the text


def embedded() -> str:
    """The help topics that come with Python: half a million characters, under Python's licence."""
    from pydoc_data.topics import topics  # a large module

    return "\n\n".join(topics[name] for name in sorted(topics))


def read(path: str | None) -> bytes:
    """Reads a file, or the built-in text."""
    if path is None:
        return embedded().encode()
    with opened(Path(path)) as file:
        return file.read()


@dataclass(frozen=True)
class Symbols:
    """The vocabulary of a text: its distinct characters, or all bytes."""

    alphabet: str | None

    @classmethod
    def of(cls, content: bytes, vocabulary: str, name: str) -> "Symbols":
        return cls(None if vocabulary == "bytes" else "".join(sorted(set(_decoded(content, name)))))

    def __len__(self) -> int:
        return 256 if self.alphabet is None else len(self.alphabet)

    def encode(self, content: bytes, name: str, mark: bool = True) -> Tensor:
        """Returns the indices of the symbols, (N,); `mark`: skip a byte-order mark at the beginning."""
        if self.alphabet is None:
            return torch.frombuffer(bytearray(content), dtype=torch.uint8).long() if content else torch.empty(0).long()
        text = _decoded(content, name, mark)
        if unknown := set(text) - set(self.alphabet):
            raise TaskError(f"{name} has the character {min(unknown)!r}, which is not in the model's vocabulary")
        numbers = {character: number for number, character in enumerate(self.alphabet)}
        return torch.tensor([numbers[character] for character in text], dtype=torch.long)

    def decode(self, numbers: list[int]) -> str:
        if self.alphabet is None:
            return bytes(numbers).decode("utf-8", "replace")
        return "".join(self.alphabet[number] for number in numbers)


def _decoded(content: bytes, name: str, mark: bool = True) -> str:
    try:
        return content.decode("utf-8-sig" if mark else "utf-8")
    except UnicodeDecodeError as error:
        raise TaskError(f"{name} is not UTF-8 text: {error}; --vocabulary bytes accepts any file") from None


class Streams(Dataset):
    """A text split into `rows` rows, and each row into windows: a batch of `rows` samples continues the previous one.

    A sample is a window and the same shifted by one symbol, (`window`,) each. The remainder is dropped.
    """

    def __init__(self, numbers: Tensor, rows: int, window: int, name: str) -> None:
        windows = (len(numbers) - 1) // rows // window
        if windows < 1:
            raise TaskError(
                f"the {name} part of the text has {len(numbers):,} symbols, expected {rows * window + 1:,} or more, "
                "a batch of windows; reduce --batch-size or --window"
            )
        self.rows, self.window = rows, window
        self.inputs, self.targets = (
            numbers[start : start + rows * windows * window].view(rows, windows, window) for start in (0, 1)
        )

    def __len__(self) -> int:
        return self.inputs.shape[0] * self.inputs.shape[1]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, row = divmod(index, self.rows)
        return self.inputs[row, number], self.targets[row, number]


def parts(numbers: Tensor) -> dict[str, Tensor]:
    """Splits a text into its parts, by name."""
    ends = [0, *(round(end * len(numbers)) for end in ENDS.values())]
    return {name: numbers[start:end] for name, (start, end) in zip(ENDS, pairwise(ends), strict=True)}
