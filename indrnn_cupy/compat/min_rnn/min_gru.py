"""The module of CUDA_RNN's MinGRUCell, and the scans of its recurrence."""

from .cells import MinGRUCell
from .scans import apply_scan_op, compose_scan_ops, parallel_scan, sequential_scan

__all__ = ["MinGRUCell", "apply_scan_op", "compose_scan_ops", "parallel_scan", "sequential_scan"]
