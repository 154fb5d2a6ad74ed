"""A recurrence of one's own: an SRU-like cell with ELU, checked against a loop and gradcheck, and trained."""

import torch
from torch import nn

import indrnn_cupy

CELL = """
#include "cell.cuh"

INLINE auto gated(Input auto x, Input auto gate, Weight auto v, State auto c) {
    const auto forget = sigmoid(fma(v, c, gate));
    const auto next = fma(forget, c - x, x);
    return states(next).output(where(next > 0, next, expm1(next)));  // ELU
}
"""
gated = indrnn_cupy.recurrence(source=CELL)


def loop(x: torch.Tensor, gate: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    c, outputs = torch.zeros_like(x[0]), []
    for x_t, gate_t in zip(x, gate, strict=True):
        forget = torch.sigmoid(gate_t + v * c)
        c = forget * c + (1 - forget) * x_t
        outputs.append(nn.functional.elu(c))
    return torch.stack(outputs)


def main() -> None:
    torch.manual_seed(0)
    inputs = [t.double().requires_grad_() for t in (torch.randn(7, 2, 5), torch.randn(7, 2, 5), torch.rand(5))]
    torch.testing.assert_close(gated(*inputs)[0], loop(*inputs))
    torch.autograd.gradcheck(lambda *tensors: gated(*tensors)[0], inputs)
    print("equal to the loop; the gradient is right")

    model = gated.layer(1, 32, num_layers=2)  # projections and recurrences, as torch.nn.RNN
    output = nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*model.parameters(), *output.parameters()], lr=1e-2)
    for _ in range(100):
        x = torch.randn(30, 32, 1)
        y, _ = model(x)
        loss = (output(y) - x.cumsum(0) / 5).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
