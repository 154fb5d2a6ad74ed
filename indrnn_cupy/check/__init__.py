"""Checks of every kernel, edited ones too, on any machine, for `python -m indrnn_cupy` and the tests."""

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
