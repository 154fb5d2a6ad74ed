"""What one unit of each recurrence does: `python -m benchmarks.units` draws the pictures of the documentation.

The input is a pulse, then a step of 30 time steps. Each picture shows the output of one unit for a few values of the
parameter that matters most.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from indrnn_cupy import functional as F

from .output import subplots

T = 150


def signal() -> Tensor:
    x = torch.zeros(T, 1, 1)
    x[10] = 1.0
    x[60:90] = 1.0
    return x


def constant(value: float) -> Tensor:
    return torch.full((T, 1, 1), value)


def beside(*sequences: Tensor) -> Tensor:
    """The inputs of a recurrence side by side in the last dimension."""
    return torch.cat(sequences, -1)


def weights(*rows: float) -> Tensor:
    return torch.tensor(rows).unsqueeze(-1)


def one(value: float) -> Tensor:
    return torch.tensor([value])


def indylstm(x: Tensor, forget: float) -> Tensor:
    gates = beside(4 * x - 2, constant(forget), x, constant(2.0))
    return F.indylstm(gates, weights(0.0, 0.0, 0.0, 0.0))[0]


def egru(x: Tensor, threshold: float) -> Tensor:
    gates = beside(constant(2.5), constant(0.0), 3 * x)
    return F.egru(gates, torch.zeros(1, 3), torch.zeros(3), one(threshold))[0]


def lru(x: Tensor, angle: float) -> Tensor:
    real, imaginary = 0.96 * one(angle).cos(), 0.96 * one(angle).sin()
    return F.lru(beside(x, torch.zeros_like(x)), real, imaginary, one(0.28), activation="identity")[0][..., :1]


# For each recurrence: the parameter, its values, and the output for the input and one value.
UNITS: dict[str, tuple[str, tuple[float, ...], Callable[[Tensor, float], Tensor]]] = {
    "indrnn": ("u", (0.5, 0.95, 1.0), lambda x, u: F.indrnn(x, one(u))[0]),
    "irevrnn": (
        "a = -b",
        (0.0, 0.1, 0.3),
        lambda x, a: F.irevrnn(x, one(0.98), weights(a), weights(-a), activation="identity")[0],
    ),
    "mingru": ("gate, before the sigmoid", (0.0, -2.0, -4.0), lambda x, k: F.mingru(beside(constant(k), x))[0]),
    "minlstm": (
        "input gate, before the sigmoid",
        (0.0, -2.0, -4.0),
        lambda x, i: F.minlstm(beside(constant(0.0), constant(i), x))[0],
    ),
    "linear_recurrence": ("a", (0.5, 0.95, -0.9), lambda x, a: F.linear_recurrence(constant(a), x)[0]),
    "egru": ("threshold", (0.2, 0.4, 0.6), egru),
    "sru": (
        "forget gate, before the sigmoid",
        (0.0, 2.0, 4.0),
        lambda x, f: F.sru(beside(x, constant(f), constant(2.0)), weights(0.0, 0.0), skip=False)[0],
    ),
    "qrnn": (
        "forget gate, before the sigmoid",
        (0.0, 2.0, 4.0),
        lambda x, f: F.qrnn(beside(x, constant(f), constant(2.0)))[0],
    ),
    "indylstm": ("forget gate, before the sigmoid", (0.0, 2.0, 4.0), indylstm),
    "indygru": (
        "z, before the sigmoid",
        (0.0, 2.0, 4.0),
        lambda x, z: F.indygru(beside(constant(0.0), constant(z), x), weights(0.0, 0.0, 0.0))[0],
    ),
    "unicornn": ("step size s", (0.02, 0.1, 0.3), lambda x, s: F.unicornn(x, one(0.0), one(s), alpha=0.9)[0]),
    "rglru": (
        "λ",
        (2.0, 0.2, 0.02),
        lambda x, rate: F.rglru(beside(x, constant(0.0), constant(0.0)), one(rate))[0],
    ),
    "hgrn": ("lower bound", (0.0, 0.9, 0.99), lambda x, lower: F.hgrn(beside(x, constant(-2.0)), one(lower))[0]),
    "lru": ("angle of λ, |λ| = 0.96", (0.0, 0.1, 0.4), lru),
    "lif": (
        "decay d",
        (0.5, 0.9, 0.98),
        lambda x, d: F.lif(0.3 * x, one(d), one(1.0), membrane=True)[0],
    ),
}


def draw(name: str, path: Path) -> None:
    parameter, values, unit = UNITS[name]
    figure, (top, bottom) = subplots(2, 1, figsize=(7, 3), sharex=True, height_ratios=(1, 3))
    top.fill_between(range(T), signal().flatten(), step="post", color="0.7")
    top.set(ylabel="input", yticks=(0, 1))
    for value, colour in zip(values, ("#9ecae1", "#4292c6", "#08306b"), strict=True):
        y = unit(signal(), value)[:, 0]
        bottom.plot(y[:, -1], color=colour, label=f"{value:g}", drawstyle="steps-post")
        if name == "lif":  # spikes and the charge
            fired = y[:, 0].nonzero()
            bottom.plot(fired, torch.ones_like(fired), "|", color=colour, markersize=12)
    bottom.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    bottom.set(xlabel="time step", ylabel="charge; spikes" if name == "lif" else "output")
    bottom.legend(title=parameter, fontsize=8, title_fontsize=8, loc="center left", bbox_to_anchor=(1, 0.6))
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="a folder for the pictures")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name in UNITS:
        draw(name, folder / f"unit_{name}.png")
    print(f"{len(UNITS)} pictures in {folder}")


if __name__ == "__main__":
    main()
