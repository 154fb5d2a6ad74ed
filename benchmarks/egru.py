"""Compares EGRU on a CPU with torch.nn.GRU and a loop, also by the share of events: `python -m benchmarks.egru`.

OMP_WAIT_POLICY determines how threads wait: by default they spin, which is best for torch.nn.GRU on an idle machine;
set it to `passive` on a busy one.

Forward and backward of a layer, as initialised and with thresholds that leave 5 % of the units active; then forward and
backward by activity, in both forms. Medians of interleaved runs in one process. Writes activity.csv and activity.png.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import indrnn_cupy
from indrnn_cupy import EGRU, EGRURecurrence, record_activity, reference
from indrnn_cupy.ops.egru_forms import FORMS

from .output import subplots, write_csv
from .peers import layer
from .timing import conditions, medians

SHAPES = {(100, 32, 64, 128): 9, (100, 32, 64, 512): 7, (784, 32, 1, 590): 3}  # T, B, C, H, and repeats
ACTIVITY = [0.3, 0.2, 0.1, 0.05, 0.02, 0.01]


class Loop(EGRU):
    """The layer as a loop over `unbind`, as usually written."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        r = recurrence_of(self)
        y, *_ = reference.egru(self.projections[0](x), r.recurrent_kernel, r.recurrent_bias, r.thr)
        return (y,)


def recurrence_of(module: EGRU) -> EGRURecurrence:
    (recurrence,) = module.recurrences
    assert isinstance(recurrence, EGRURecurrence)
    return recurrence


def activity(module: EGRU, x: Tensor) -> tuple[float, float]:
    """The fractions of units with an event, and of units with an event or within the slope of backward."""
    with torch.no_grad(), record_activity(module) as found:
        module(x)
    return found[0].events.item(), found[0].support.item()


@torch.no_grad()
def bring_to(module: EGRU, x: Tensor, target: float) -> None:
    """Sets all thresholds to the value at which this fraction of the units is active."""
    low, high = 0.0, 1.0
    for _ in range(12):
        recurrence_of(module).thr.fill_((low + high) / 2)
        if activity(module, x)[0] > target:
            low = (low + high) / 2
        else:
            high = (low + high) / 2


def layers(T: int, B: int, C: int, H: int, repeats: int) -> None:
    x, gradient = torch.randn(T, B, C), torch.randn(T, B, H)
    first, sparse = EGRU(C, H), EGRU(C, H)
    bring_to(sparse, x, 0.05)
    loop = Loop(C, H)
    loop.load_state_dict(first.state_dict())
    modules = {
        f"EGRU, {activity(first, x)[0]:.1%} active": first,
        f"EGRU, {activity(sparse, x)[0]:.1%} active": sparse,
        "loop over unbind(x)": loop,
        "nn.GRU": torch.nn.GRU(C, H),
    }
    pairs = {name: layer(module, x, gradient) for name, module in modules.items()}
    forward = medians({name: pair[0] for name, pair in pairs.items()}, repeats, burst=1)
    both = medians({name: pair[1] for name, pair in pairs.items()}, repeats, burst=1)
    print(f"\n{f'T, B, C, H = {T, B, C, H}':<36}{'forward ms':>12}{'both ms':>12}{'nn.GRU / it':>14}")
    for name in modules:
        print(f"{name:<36}{1e3 * forward[name]:12.1f}{1e3 * both[name]:12.1f}{both['nn.GRU'] / both[name]:14.2f}")


def by_activity(T: int, B: int, H: int, support: float, repeats: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    x, gradient = 2 * torch.randn(T, B, 64), torch.randn(T, B, H)
    module, gru = EGRU(64, H, pseudo_derivative_support=support), torch.nn.GRU(64, H)
    for target in ACTIVITY:
        bring_to(module, x, target)
        active, near = activity(module, x)
        functions: dict[tuple[str, str], Callable[[], object]] = {}
        for form in (*FORMS, None):
            other = EGRU(64, H, pseudo_derivative_support=support, form=form)
            other.load_state_dict(module.state_dict())
            forward, both = layer(other, x, gradient)
            functions |= {(form or "chosen", "forward"): forward, (form or "chosen", "both"): both}
        functions["nn.GRU", "both"] = layer(gru, x, gradient)[1]
        row: dict[str, object] = {"support": support, "activity": active, "needed in backward": near}
        found = medians(functions, repeats, burst=1)
        row |= {f"{form}, {passes}": 1e3 * seconds for (form, passes), seconds in found.items()}
        rows.append(row)
        times = "".join(f"{1e3 * seconds:>12.1f}" for seconds in found.values())
        print(f"{support:8.0f}{active:10.1%}{near:10.1%}{times}")
    return rows


def draw(rows: list[dict], title: str, path: Path) -> None:
    """Plots time by activity, one panel per slope."""
    supports = sorted({row["support"] for row in rows})
    figure, axes = subplots(1, len(supports), figsize=(10, 4), sharey=True)
    for axis, support in zip(axes, supports, strict=True):
        mine = [row for row in rows if row["support"] == support]
        percent = [100 * row["activity"] for row in mine]
        for form, colour in zip((*FORMS, "chosen"), ("tab:cyan", "tab:gray", "tab:blue"), strict=True):
            for passes, line in (("both", "-"), ("forward", "--")):
                label = f"{form}, forward{' and backward' if passes == 'both' else ''}"
                ms = [row[f"{form}, {passes}"] for row in mine]
                axis.plot(percent, ms, line, marker="o", color=colour, label=label)
        axis.plot(
            percent, [row["nn.GRU, both"] for row in mine], color="tab:orange", label="nn.GRU, forward and backward"
        )
        axis.set(xscale="log", xlabel="units active, %")
        axis.set_title(f"slope nonzero within {1 / support:g} of a threshold", fontsize=10)
        axis.xaxis.set_major_formatter(lambda share, _: f"{share:g}")
        axis.xaxis.set_minor_formatter(lambda share, _: "")
        axis.set_xticks(percent, [f"{p:.0f}" for p in percent])
        axis.grid(axis="y", color="0.9")
    axes[0].set(ylabel="ms", ylim=(0, None))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_egru"), help="folder for the results")
    folder = parser.parse_args().output
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    print(conditions())
    for shape, repeats in SHAPES.items():
        layers(*shape, repeats)
    T, B, H = 100, 32, 512
    print(f"\nby activity, T, B, H = {T, B, H}, ms of forward, and of forward and backward")
    print(
        f"{'support':>8}{'active':>10}{'needed':>10}"
        + "".join(f"{f:>12}{'both':>12}" for f in (*FORMS, "chosen"))
        + f"{'nn.GRU':>12}"
    )
    rows = [row for support in (1.0, 5.0) for row in by_activity(T, B, H, support, repeats=7)]
    write_csv(rows, folder / "activity.csv")
    title = f"a layer of {H} units, {T} steps, batch {B}, float32, {torch.get_num_threads()} CPU threads"
    draw(rows, title, folder / "activity.png")
    print(f"\n{folder}/activity.csv and activity.png")


if __name__ == "__main__":
    main()
