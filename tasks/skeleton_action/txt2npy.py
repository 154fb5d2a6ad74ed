"""Reads the `.skeleton` text files of a folder, and those within it, into arrays: NAME.npz for each, without pickles.

    python -m tasks.skeleton_action.txt2npy SRC DST

A file that cannot be read stops nothing: DST/report.csv names it, with the line and the reason. What is there already
is not read again, so that a run that was stopped goes on where it was.

Exit status: 0 when every file was read, now or before; 1 when some were skipped; 2 when none was read.
"""

import csv
import io
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import tyro
from tqdm import tqdm

from ..command import run_command
from ..config import TaskError
from ..run_folder import write_whole
from .bodies import has_data
from .clip_file import clip_arrays
from .lines import SkeletonError
from .skeleton_file import parse

REPORT = "report.csv"
OTHER_ENDING = "the name does not end in .skeleton: unpack or rename it if it is a clip, else remove it"


@dataclass
class Config:
    src: Annotated[Path, tyro.conf.Positional]
    """Folder of .skeleton files."""
    dst: Annotated[Path, tyro.conf.Positional]
    """Folder for the arrays and the report; made if need be."""
    all_fields: bool = False
    """Keep all that a file says, not the positions and body ids alone: body (K, 9) and joints (K, 25, 12), float64."""
    workers: int = len(os.sched_getaffinity(0))
    """Processes that read."""


class Skipped(NamedTuple):
    """A file that could not be used, and why; line 0 is for the file as a whole."""

    file: str
    line: int
    kind: str
    reason: str


def convert(path: Path, dst: Path, all_fields: bool) -> Skipped | None:
    """Reads one file; gives what hindered it."""
    result = dst / f"{path.stem}.npz"
    try:
        if not path.is_file():
            raise OSError("not a regular file")
        skeleton = parse(path.read_bytes())
        arrays = clip_arrays(skeleton, all_fields)
        seen = has_data(arrays["position"])
        if not seen.any():
            without = "all joints at one point, or NaN" if len(seen) else "there is none"
            raise SkeletonError(1, "no body", f"no body with data in any of {skeleton.frames} frames: {without}")
        if np.abs(arrays["position"][seen]).max() > 1000:
            raise SkeletonError(1, "not finite", "a joint is farther away than 1000 m")
    except (SkeletonError, OSError) as error:
        result.unlink(missing_ok=True)  # of what the text was before
        if isinstance(error, SkeletonError):
            return Skipped(str(path), error.line, error.kind, error.reason)
        return Skipped(str(path), 0, "unreadable", str(error))
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_whole(result, content.getvalue())
    return None


def sources(src: Path) -> tuple[list[list[Path]], list[Path]]:
    """The .skeleton files, grouped and sorted by name; and files whose names only resemble that."""
    if not src.is_dir():
        raise TaskError(f"SRC {src} is not a folder; it should hold .skeleton files")
    found = [path for path in src.rglob("*") if ".skeleton" in path.name.lower() and not path.is_dir()]
    if not found:
        raise TaskError(f"there is no .skeleton file in {src}")
    clips = sorted((path for path in found if path.name.endswith(".skeleton")), key=lambda path: (path.name, path))
    groups = [list(paths) for _, paths in groupby(clips, key=lambda path: path.name)]
    return groups, [path for path in found if not path.name.endswith(".skeleton")]


def of_one_name(paths: list[Path], dst: Path) -> Iterator[Skipped]:
    """Skips files that share a name: which of them NAME.npz should hold is unknown, so an earlier one is removed."""
    (dst / f"{paths[0].stem}.npz").unlink(missing_ok=True)
    for path in paths:
        others = " and ".join(str(other) for other in paths if other != path)
        yield Skipped(str(path), 0, "same name", f"the same name as {others}; keep one of them")


def is_done(path: Path, config: Config) -> bool:
    """Whether an array is there that is not older than the text, with all that is wanted."""
    result = config.dst / f"{path.stem}.npz"
    if not result.exists() or not path.exists() or result.stat().st_mtime < path.stat().st_mtime:
        return False
    if not config.all_fields:
        return True
    if not zipfile.is_zipfile(result):
        return False
    with zipfile.ZipFile(result) as file:
        return "joints.npy" in file.namelist()


def txt2npy(config: Config) -> int:
    """Converts a folder, and reports what was skipped. Returns the exit status."""
    if config.workers < 1:
        raise TaskError(f"--workers is {config.workers}, expected a number above 0")
    groups, others = sources(config.src)
    config.dst.mkdir(parents=True, exist_ok=True)
    found = [paths[0] for paths in groups if len(paths) == 1]
    left = [path for path in found if not is_done(path, config)]
    unreadable = [one for one in tqdm(_convert_all(left, config), total=len(left), unit="file") if one]
    skipped = unreadable + [one for paths in groups if len(paths) > 1 for one in of_one_name(paths, config.dst)]
    skipped += [Skipped(str(path), 0, "other ending", OTHER_ENDING) for path in others]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([Skipped._fields, *sorted(skipped)])
    write_whole(config.dst / REPORT, table.getvalue().encode(errors="surrogateescape"))
    kinds = "".join(f", {count} {kind}" for kind, count in Counter(one.kind for one in skipped).most_common())
    print(
        f"{len(left) - len(unreadable)} read, {len(found) - len(left)} there already, {len(skipped)} skipped"
        + (f" ({kinds[2:]}): see {config.dst / REPORT}" if skipped else "")
    )
    return (1 if len(found) > len(unreadable) else 2) if skipped else 0


def _convert_all(paths: list[Path], config: Config) -> Iterator[Skipped | None]:
    work = partial(convert, dst=config.dst, all_fields=config.all_fields)
    if config.workers == 1:
        yield from map(work, paths)
        return
    with ProcessPoolExecutor(config.workers) as pool:
        try:
            yield from pool.map(work, paths, chunksize=16)
        except BaseException:  # Ctrl-C, a full disk: what is under way ends, the rest is not begun
            pool.shutdown(cancel_futures=True)
            raise


def main(arguments: list[str] | None = None) -> None:
    def run(config: Config) -> None:
        if status := txt2npy(config):
            sys.exit(status)

    run_command("tasks.skeleton_action.txt2npy", __doc__, Config, run, arguments)


if __name__ == "__main__":
    main()
