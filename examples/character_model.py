"""A character model: the state is carried from window to window, and text is generated one step at a time."""

import torch
from torch import nn

from indrnn_cupy import PlainNetwork

TEXT = "the quick brown fox jumps over the lazy dog. " * 200


class CharacterModel(nn.Module):
    def __init__(self, symbols: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, hidden_size)
        self.body = PlainNetwork(hidden_size, hidden_size, num_layers=2, norm_first=True, bound=0.99)
        self.output = nn.Linear(hidden_size, symbols)


def main() -> None:
    torch.manual_seed(0)
    alphabet = sorted(set(TEXT))
    numbers = torch.tensor([alphabet.index(c) for c in TEXT])
    rows = numbers[: len(numbers) // 8 * 8].view(8, -1).t()  # (steps, 8): eight streams
    model = CharacterModel(len(alphabet), 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(6):
        state = None
        for window, target in zip(rows[:-1].split(32), rows[1:].split(32), strict=True):
            y, state = model.body(model.embedding(window), state)
            loss = nn.functional.cross_entropy(model.output(y).flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            state = tuple(h.detach() for h in state)  # truncated backpropagation through time
    print(f"loss {loss.item():.3f}")

    model.eval()
    number, state, written = torch.tensor([alphabet.index("t")]), None, "t"
    with torch.no_grad():
        for _ in range(43):
            y, state = model.body.step(model.embedding(number), state)
            number = model.output(y).argmax(1)
            written += alphabet[number.item()]
    print(written)


if __name__ == "__main__":
    main()
