"""Text as numbers: where it comes from, its symbols, and its parts as streams that go on from batch to batch."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..config import TaskError
from ..files import opened

ENDS = {"training": 0.9, "validation": 0.95, "test": 1.0}  # of the parts of a text


def embedded() -> str:
    """The help topics that Python carries, half a million characters, under the licence of Python."""
    from pydoc_data.topics import topics  # a large module

    return "\n\n".join(topics[name] for name in sorted(topics))


def read(path: str | None) -> bytes:
    """A file, or the embedded text."""
    if path is None:
        return embedded().encode()
    with opened(Path(path)) as file:
        return file.read()


@dataclass(frozen=True)
class Symbols:
    """What a text is made of: characters, each once, or all bytes."""

    alphabet: str | None

    @classmethod
    def of(cls, content: bytes, vocabulary: str, name: str) -> "Symbols":
        return cls(None if vocabulary == "bytes" else "".join(sorted(set(_decoded(content, name)))))

    def __len__(self) -> int:
        return 256 if self.alphabet is None else len(self.alphabet)

    def encode(self, content: bytes, name: str, mark: bool = True) -> Tensor:
        """The numbers of the symbols, (N,); `mark`: a byte-order mark at the beginning is none of them."""
        if self.alphabet is None:
            return torch.frombuffer(bytearray(content), dtype=torch.uint8).long() if content else torch.empty(0).long()
        text = _decoded(content, name, mark)
        if unknown := set(text) - set(self.alphabet):
            raise TaskError(f"{name} has the character {min(unknown)!r}, which the model has not learned")
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
        raise TaskError(f"{name} is not UTF-8 text: {error}; --vocabulary bytes takes any file") from None


class Streams(Dataset):
    """A text cut into `rows` rows, and these into windows: each batch of `rows` samples goes on from the one before.

    A sample is (window, the same one symbol on), (`window`,) each. What is left at the end is not used.
    """

    def __init__(self, numbers: Tensor, rows: int, window: int, name: str) -> None:
        windows = (len(numbers) - 1) // rows // window
        if windows < 1:
            raise TaskError(
                f"the {name} part of the text has {len(numbers):,} symbols, expected {rows * window + 1:,} or more, "
                "a batch of windows; make --batch-size or --window smaller"
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
    """The parts of a text by their names."""
    ends = [0, *(round(end * len(numbers)) for end in ENDS.values())]
    return {name: numbers[start:end] for name, (start, end) in zip(ENDS, pairwise(ends), strict=True)}
