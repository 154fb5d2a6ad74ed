"""The module of CUDA_RNN's MinLSTMCell, and the scans of its recurrence."""

from .cells import MinLSTMCell
from .scans import apply_scan_op, compose_scan_ops, parallel_scan, sequential_scan

__all__ = ["MinLSTMCell", "apply_scan_op", "compose_scan_ops", "parallel_scan", "sequential_scan"]
