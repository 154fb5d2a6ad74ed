"""`python -m indrnn_cupy`: what this machine has. With --check: every kernel compiled, counted and run."""

import argparse
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m indrnn_cupy", description=__doc__)
    parser.add_argument(
        "--check",
        nargs="*",
        metavar="ARCHITECTURE",
        help="check every kernel for the CPU and for these GPU architectures (else sm_80 sm_90 sm_100 sm_120); no GPU "
        "needed. Kernels that were edited in the folder INDRNN_CUPY_KERNELS are taken. The exit status is 1 if one is "
        "not sound.",
    )
    chosen = parser.parse_args().check
    from .check import machine

    print(machine.description())
    if chosen is None:
        return 0
    from .check import ARCHITECTURES, report

    return 0 if report.check(chosen or ARCHITECTURES) else 1


if __name__ == "__main__":
    sys.exit(main())
