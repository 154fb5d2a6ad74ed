"""The output of benchmarks: tables, and plots with matplotlib without a display."""

import csv
from pathlib import Path
from typing import Any


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def subplots(*arguments: Any, **options: Any) -> tuple[Any, Any]:
    """A figure and its axes, like `matplotlib.pyplot.subplots`; importing matplotlib takes half a second."""
    from matplotlib.figure import Figure

    rows, columns = arguments or (1, 1)
    sharing = {name: options.pop(name) for name in ("sharex", "sharey") if name in options}
    ratios = {"height_ratios": options.pop("height_ratios")} if "height_ratios" in options else {}
    figure = Figure(layout="constrained", **options)
    return figure, figure.subplots(rows, columns, **sharing, **ratios)
