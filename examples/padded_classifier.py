"""Classifies padded time series: does the last value that was marked lie above zero?"""

import torch
from torch import nn

from indrnn_cupy import MinGRU, last_step


class Classifier(nn.Module):
    def __init__(self, channels: int, hidden_size: int, classes: int) -> None:
        super().__init__()
        self.rnn = MinGRU(channels, hidden_size, num_layers=2, batch_first=True, longest_memory=50)
        self.output = nn.Linear(hidden_size, classes)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(x, lengths=lengths)  # (B, T, hidden_size)
        return self.output(last_step(y, lengths, batch_first=True))  # (B, classes)


def make_batch(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Series of 20 to 50 steps of (value, mark), padded with NaN, which reaches nothing; one step is marked."""
    lengths = torch.randint(20, 51, (size,))
    x = torch.stack((torch.randn(size, 50), torch.zeros(size, 50)), -1)
    marked = (torch.rand(size) * lengths).long()
    x[range(size), marked, 1] = 1.0
    labels = (x[range(size), marked, 0] > 0).long()
    x[torch.arange(50) >= lengths[:, None]] = torch.nan
    return x, lengths, labels


def main() -> None:
    torch.manual_seed(0)
    model = Classifier(channels=2, hidden_size=32, classes=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(200):
        x, lengths, labels = make_batch(64)
        loss = nn.functional.cross_entropy(model(x, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, lengths, labels = make_batch(1000)
    accuracy = (model(x, lengths).argmax(1) == labels).float().mean()
    print(f"accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
