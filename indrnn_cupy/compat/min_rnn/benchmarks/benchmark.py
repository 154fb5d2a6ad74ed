"""Times of the cells at several lengths, as a table and plots, as in CUDA_RNN's benchmark.

"Sequential" and "parallel" are its two methods, which run the same kernel here; the speedups are relative to the first
on a CPU.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..cells import MinCell, MinGRUCell, MinGRUCellCUDA, MinLSTMCell, MinLSTMCellCUDA
from ..cuda_utils import CUDA_AVAILABLE
from ..utils import Array

Result = dict[str, Any]
MODES = ("cpu_sequential", "cpu_parallel", "gpu_sequential", "gpu_parallel")


def generate_random_data(size: Any, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """An array from U(min_val, max_val)."""
    return np.random.uniform(min_val, max_val, size)


def benchmark_min_gru(input_size: int, hidden_size: int, seq_length: int, num_runs: int = 5) -> Result:
    """Mean times of the minGRU cells in seconds, with keys `<mode>_time`, and speedups; NaN without a GPU."""
    return _benchmark("MinGRU", MinGRUCell, MinGRUCellCUDA, input_size, hidden_size, seq_length, num_runs)


def benchmark_min_lstm(input_size: int, hidden_size: int, seq_length: int, num_runs: int = 5) -> Result:
    """The same for the minLSTM cells."""
    return _benchmark("MinLSTM", MinLSTMCell, MinLSTMCellCUDA, input_size, hidden_size, seq_length, num_runs)


def _benchmark(
    model: str,
    cpu: type[MinCell],
    gpu: type[MinCell],
    input_size: int,
    hidden_size: int,
    seq_length: int,
    num_runs: int,
) -> Result:
    x, h0 = generate_random_data((seq_length, input_size)), generate_random_data(hidden_size)
    cells = [cpu(input_size, hidden_size)] + ([gpu(input_size, hidden_size)] if CUDA_AVAILABLE else [])
    methods = [method for cell in cells for method in (cell.process_sequence, cell.process_sequence_parallel)]
    times = [_mean_time(method, x, h0, num_runs) for method in methods]
    times += [math.nan] * (len(MODES) - len(times))
    result: Result = {"model": model, "input_size": input_size, "hidden_size": hidden_size, "seq_length": seq_length}
    result |= {f"{mode}_time": seconds for mode, seconds in zip(MODES, times, strict=True)}
    return result | {f"{mode}_speedup": times[0] / seconds for mode, seconds in zip(MODES[1:], times[1:], strict=True)}


def _mean_time(method: Callable[..., Array], x: Array, h0: Array, num_runs: int) -> float:
    method(x, h0)  # the first call compiles
    start = time.perf_counter()
    for _ in range(num_runs):
        method(x, h0)
    return (time.perf_counter() - start) / num_runs


def table(results: list[Result]) -> str:
    """The times and speedups, one line per result."""
    columns = [f"{mode}_{what}" for what, modes in (("time", MODES), ("speedup", MODES[1:])) for mode in modes]
    lines = [["model", "seq_length", *columns]]
    for result in results:
        numbers = [f"{result[c]:.6f}" if c.endswith("time") else f"{result[c]:.2f}x" for c in columns]
        lines.append([result["model"], str(result["seq_length"]), *(n.replace("nanx", "nan") for n in numbers)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f.rjust(w) for f, w in zip(line, widths, strict=True)) for line in lines)


def plot_benchmark_results(results: list[Result], output_dir: str = "plots") -> None:
    """Plots the times and speedups of each model by length: `<model>_time_vs_seq_length.png`, `..._speedup_...`."""
    from matplotlib.figure import Figure  # takes half a second to import

    Path(output_dir).mkdir(parents=True, exist_ok=True)
    for model in dict.fromkeys(result["model"] for result in results):
        rows = [result for result in results if result["model"] == model]
        for what, label in (("time", "Time (s)"), ("speedup", "Speedup")):
            figure = Figure(figsize=(8, 5), layout="constrained")
            axes = figure.subplots()
            for mode in MODES:
                values = [row.get(f"{mode}_{what}", math.nan) for row in rows]
                if not all(map(math.isnan, values)):
                    axes.plot([row["seq_length"] for row in rows], values, "o-", label=mode.replace("_", ", "))
            axes.set(xlabel="Sequence length", ylabel=label, title=model)
            axes.grid(True)
            axes.legend()
            figure.savefig(Path(output_dir) / f"{model.lower()}_{what}_vs_seq_length.png")


def run_benchmarks() -> None:
    """Lengths 10 to 1,000, input size 128, hidden size 256: prints and writes the table, and saves the plots."""
    results = []
    for seq_length in (10, 50, 100, 200, 500, 1000):
        results += [benchmark(128, 256, seq_length, 3) for benchmark in (benchmark_min_gru, benchmark_min_lstm)]
    print(table(results))
    Path("benchmark_results.txt").write_text(table(results) + "\n")
    plot_benchmark_results(results)
    print("written: benchmark_results.txt, plots/")


if __name__ == "__main__":
    run_benchmarks()
