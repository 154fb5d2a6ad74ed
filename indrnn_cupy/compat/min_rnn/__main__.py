"""The demo of CUDA_RNN's main.py: `python -m indrnn_cupy.compat.min_rnn [--model gru|lstm] [--cuda] [--benchmark]`."""

import argparse
import time

import numpy as np

from .cells import MinCell, MinGRUCell, MinGRUCellCUDA, MinLSTMCell, MinLSTMCellCUDA
from .cuda_utils import CUDA_AVAILABLE

CELLS: dict[str, tuple[type[MinCell], type[MinCell]]] = {
    "gru": (MinGRUCell, MinGRUCellCUDA),
    "lstm": (MinLSTMCell, MinLSTMCellCUDA),
}


def demo(kind: type[MinCell]) -> None:
    """Prints one step, and a sequence by both methods: shapes, first elements, times, and the largest difference."""
    cell, x, h0 = kind(10, 20), np.random.random((5, 10)), np.zeros(20)
    print(f"\n{kind.__name__} on {cell.device}, input size 10, hidden size 20, 5 steps")
    print(f"one step: {x[0].shape} to {cell.forward(x[0], h0).shape}")
    outputs = []
    for method in (cell.process_sequence, cell.process_sequence_parallel):
        start = time.perf_counter()
        outputs.append(method(x, h0))
        seconds = time.perf_counter() - start
        print(f"{method.__name__}: {outputs[-1].shape}, last step {outputs[-1][-1, :5]}, {seconds:.6f} s")
    print(f"largest difference between the two: {abs(outputs[0] - outputs[1]).max():.8f}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m indrnn_cupy.compat.min_rnn", description=__doc__)
    parser.add_argument("--model", choices=("gru", "lstm", "all"), default="all")
    parser.add_argument("--cuda", action="store_true", help="use the float32 cells, on a GPU if there is one")
    parser.add_argument(
        "--benchmark", action="store_true", help="measure times at several lengths, as a table and plots"
    )
    chosen = parser.parse_args(arguments)
    if chosen.cuda and not CUDA_AVAILABLE:
        print("CUDA is not available; the cells run on the CPU")
    for model in CELLS if chosen.model == "all" else (chosen.model,):
        demo(CELLS[model][chosen.cuda])
    if chosen.benchmark:
        from .benchmarks.benchmark import run_benchmarks

        run_benchmarks()


if __name__ == "__main__":
    main()
