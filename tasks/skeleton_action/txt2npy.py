"""Reads the `.skeleton` text files of a folder, and those within it, into arrays: NAME.npz for each, without pickles.

    python -m tasks.skeleton_action.txt2npy SRC DST

A file that cannot be read stops nothing: DST/report.csv names it, with the line and the reason. What is there already
is not read again, so that a run that was stopped goes on where it was.
"""

import csv
import io
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import tyro
from tqdm import tqdm

from ..command import guarded
from ..config import TaskError, first_line
from ..run_folder import write_whole
from .skeleton_file import JOINTS, Skeleton, SkeletonError, parse

REPORT = "report.csv"


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


def arrays(skeleton: Skeleton, all_fields: bool) -> dict[str, np.ndarray]:
    """What NAME.npz holds: frames (), frame (K,), body_id (K,) and position (K, 25, 3), in metres."""
    kept = {
        "frames": np.array(skeleton.frames),
        "frame": skeleton.frame,
        "body_id": skeleton.body_id,
        "position": skeleton.joints[:, :, :3].astype(np.float32),
    }
    return kept | ({"body": skeleton.body, "joints": skeleton.joints} if all_fields else {})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """What is in a NAME.npz."""
    try:
        with np.load(path, allow_pickle=False) as file:
            clip = {key: file[key] for key in ("frames", "frame", "body_id", "position")}
        count, frames = len(clip["frame"]), int(clip["frames"])
        if clip["position"].shape != (count, JOINTS, 3) or clip["body_id"].shape != (count,):
            raise ValueError("shapes that do not fit each other")
        if not count or clip["frame"].min() < 0 or clip["frame"].max() >= frames or frames > 10**6:
            raise ValueError("frames that it does not have")
        if clip["frame"].dtype.kind not in "iu" or not np.isfinite(clip["position"]).all():
            raise ValueError("numbers that cannot be")
    except (
        *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, MemoryError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise TaskError(f"{path} is not a clip that txt2npy wrote: {first_line(error)}") from None
    return clip


def convert(path: Path, dst: Path, all_fields: bool) -> Skipped | None:
    """Reads one file; gives what hindered it."""
    result = dst / f"{path.stem}.npz"
    try:
        if not path.is_file():
            raise OSError("not a regular file")
        skeleton = parse(path.read_bytes())
        if not len(skeleton.frame):
            raise SkeletonError(1, "no body", f"no body in any of {skeleton.frames} frames")
        if np.abs(skeleton.joints[:, :, :3]).max() > 1000:
            raise SkeletonError(1, "not finite", "a joint is farther away than 1000 m")
    except (SkeletonError, OSError) as error:
        result.unlink(missing_ok=True)  # of what the text was before
        if isinstance(error, SkeletonError):
            return Skipped(str(path), error.line, error.kind, error.reason)
        return Skipped(str(path), 0, "unreadable", str(error))
    content = io.BytesIO()
    np.savez(content, **arrays(skeleton, all_fields))  # type: ignore[arg-type]
    write_whole(result, content.getvalue())
    return None


def sources(src: Path) -> list[Path]:
    """The files to read, in the order of their names, which must differ."""
    if not src.is_dir():
        raise TaskError(f"SRC {src} is not a folder; it should hold .skeleton files")
    found = sorted(src.rglob("*.skeleton"), key=lambda path: path.name)
    if not found:
        raise TaskError(f"there is no .skeleton file in {src}")
    for one, other in pairwise(found):
        if one.name == other.name:
            raise TaskError(f"{one} and {other} have the same name; keep one of them")
    return found


def is_done(path: Path, config: Config) -> bool:
    """Whether an array is there that is not older than the text, with all that is wanted."""
    result = config.dst / f"{path.stem}.npz"
    if not result.exists() or not path.exists() or result.stat().st_mtime < path.stat().st_mtime:
        return False
    return not config.all_fields or (zipfile.is_zipfile(result) and "joints.npy" in zipfile.ZipFile(result).namelist())


def txt2npy(config: Config) -> None:
    """Converts a folder, and reports what was skipped."""
    if config.workers < 1:
        raise TaskError(f"--workers is {config.workers}, expected a number above 0")
    found = sources(config.src)
    config.dst.mkdir(parents=True, exist_ok=True)
    left = [path for path in found if not is_done(path, config)]
    skipped = [one for one in tqdm(_convert_all(left, config), total=len(left), unit="file") if one]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([Skipped._fields, *skipped])
    write_whole(config.dst / REPORT, table.getvalue().encode(errors="surrogateescape"))
    kinds = "".join(f", {count} {kind}" for kind, count in Counter(one.kind for one in skipped).most_common())
    print(
        f"{len(left) - len(skipped)} read, {len(found) - len(left)} there already, {len(skipped)} skipped"
        + (f" ({kinds[2:]}): see {config.dst / REPORT}" if skipped else "")
    )


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
    prog = "python -m tasks.skeleton_action.txt2npy"
    guarded(lambda: txt2npy(tyro.cli(Config, args=arguments, description=__doc__, prog=prog)), prog)


if __name__ == "__main__":
    main()
