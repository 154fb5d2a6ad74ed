"""Describes this machine. With --check: compiles, measures and runs every kernel."""

import argparse
import signal
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m indrnn_cupy", description=__doc__)
    parser.add_argument(
        "--check",
        nargs="*",
        metavar="FILE or ARCHITECTURE",
        help="check every kernel for the CPU and for these GPU architectures (default: sm_80 sm_90 sm_100 sm_120), or "
        "the recurrences in these .cu files; no GPU needed. Kernels edited in the folder INDRNN_CUPY_KERNELS are used. "
        "The exit status is 1 if something is wrong, or if a given architecture cannot be checked.",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        default="",
        help="check only the recurrences whose names begin with NAME: indrnn, indrnn-tanh, ...",
    )
    parser.add_argument(
        "--define",
        nargs="+",
        metavar="NAME=VALUE",
        default=[],
        help="macros for the .cu files: ACTIVATION=Tanh",
    )
    arguments = parser.parse_args()
    chosen = arguments.check
    from .check import ARCHITECTURES, machine, report
    from .check.own import own
    from .runtime import KernelError

    try:
        print(machine.description())
        if chosen is None:
            return 0
        files = [Path(name) for name in chosen if name.endswith(".cu")]
        architectures = [name for name in chosen if not name.endswith(".cu")]
        insist = bool(architectures)
        options = {name: value for name, _, value in (word.partition("=") for word in arguments.define)}
        recurrences = [own(path, options) for path in files]
        return 0 if report.check(architectures or ARCHITECTURES, insist, arguments.only, recurrences) else 1
    except KeyboardInterrupt:
        return 130
    except KernelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `| head` ends it, as with any command
    sys.exit(main())
