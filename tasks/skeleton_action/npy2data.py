"""Makes a training set of the arrays that txt2npy wrote: two persons a clip, labels, and the official splits.

    python -m tasks.skeleton_action.npy2data SRC DST
    python -m tasks.skeleton_action.npy2data SRC DST --preset irevrnn

What DST holds is said in tasks/skeleton_action/arrays.py: 56,880 clips take 5 GB of disk as float16, and little memory.
--preset NAME: tracked, irevrnn, ctr-gcn; settings given beside it change it.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from ..command import guarded
from ..config import TaskError
from . import arrays, ntu
from .bodies import PERSONS, Track, by_id, by_order
from .clip_file import read_arrays


@dataclass
class Config:
    src: Annotated[Path, tyro.conf.Positional]
    """Folder of the arrays."""
    dst: Annotated[Path, tyro.conf.Positional]
    """Folder to make."""
    dataset: Literal["ntu60", "ntu120"] = "ntu60"
    """Which clips belong to it, its splits and its official counts."""
    missing: Path | None = None
    """List of clips to leave out, one name a line: the owner's NTU_RGBD_samples_with_missing_skeletons.txt."""
    tracking: Literal["id", "order"] = "id"
    """A person is a tracking id, continued under another one if need be; or a place in the file's list of bodies."""
    ghosts: Literal["drop", "keep"] = "drop"
    """With --tracking id: leave out bodies that are too short, too wide, too small or too still for a person."""
    empty_frames: Literal["cut", "keep"] = "cut"
    """What becomes of frames in which nobody is seen; kept, they are zeros."""
    center: Literal["clip", "body", "none"] = "clip"
    """The origin: the first person's spine in the first frame, which keeps the way between two persons; or each body's
    own spine in every frame, which loses it."""
    align: Literal["none", "upright"] = "none"
    """Turn the clip so that the first person begins upright, the shoulders along x."""
    pad: Literal["zero", "last", "repeat"] = "zero"
    """What follows a clip's end: zeros, its last frame, or the clip again."""
    frames: int = ntu.LONGEST_CLIP
    """T; longer clips lose their end."""
    dtype: Literal["float16", "float32"] = "float16"


MOST_FRAMES = 100_000
NOWHERE: dict[str, Any] = {"src": tyro.MISSING, "dst": tyro.MISSING}
PRESETS = {
    "tracked": Config(**NOWHERE),
    "irevrnn": Config(
        **NOWHERE, tracking="order", empty_frames="keep", center="body", pad="last", dtype="float32"
    ),  # shaofei-liu/irevrnn, action/npy2data.py
    "ctr-gcn": Config(**NOWHERE, dtype="float32"),  # Uason-Chen/CTR-GCN, data/ntu
}


def persons(clip: Mapping[str, np.ndarray], config: Config) -> np.ndarray:
    """The clip as (frames, 2 * 25, 3), one person's joints after the other's, zeros where somebody is not seen."""
    tracks = by_id(clip, config.ghosts == "drop") if config.tracking == "id" else by_order(clip)
    if not any(tracks):  # in the first places of the file's list
        return np.zeros((0, PERSONS * len(ntu.PARENTS), 3))
    seen = sorted(set().union(*tracks))
    frames = seen if config.empty_frames == "cut" else range(int(clip["frames"]))
    row = {frame: number for number, frame in enumerate(frames)}
    positions = np.zeros((len(frames), PERSONS, len(ntu.PARENTS), 3))
    present = np.zeros((len(frames), PERSONS), bool)
    for person, track in enumerate(tracks):
        for frame, position in track.items():
            positions[row[frame], person], present[row[frame], person] = position, True
    if config.center == "body":
        positions -= positions[:, :, [ntu.SPINE_MID]]
    elif config.center == "clip":
        positions -= first(tracks)[ntu.SPINE_MID]
    if config.align == "upright":
        positions = positions @ upright(first(tracks)).T
    positions[~present] = 0
    return positions[: config.frames].reshape(-1, PERSONS * len(ntu.PARENTS), 3)


def first(tracks: Sequence[Track]) -> np.ndarray:
    """The first person's first position."""
    track = next(track for track in tracks if track)
    return track[min(track)]


def upright(position: np.ndarray) -> np.ndarray:
    """The rotation that brings the spine to y and the shoulders, right to left, towards x."""
    up = position[ntu.SPINE_MID] - position[ntu.SPINE_BASE]
    side = position[ntu.LEFT_SHOULDER] - position[ntu.RIGHT_SHOULDER]
    y = up / max(float(np.linalg.norm(up)), 1e-6)
    x = side - (side @ y) * y
    x /= max(float(np.linalg.norm(x)), 1e-6)
    rotation = np.stack((x, y, np.cross(x, y)))
    return rotation if abs(np.linalg.det(rotation) - 1) < 1e-3 else np.eye(3)  # no spine or shoulders to go by


def read_missing(path: Path) -> set[str]:
    """The names in a list, one a line, among lines that are none."""
    try:
        names = {word for word in path.read_text("utf-8", "replace").split() if ntu.clip_name(word)}
    except OSError as error:
        raise TaskError(f"--missing cannot be read: {error}") from None
    if not names:
        raise TaskError(f"--missing {path} has no name like S001C002P005R002A008 in it")
    return names


def shortened(names: Sequence[str], most: int = 3) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more).encode(errors="backslashreplace").decode()


def chosen_clips(config: Config) -> dict[str, ntu.ClipName]:
    """The clips of the data set, by name."""
    if not config.src.is_dir():
        raise TaskError(f"SRC {config.src} is not a folder; it should hold what txt2npy wrote")
    benchmark = ntu.BENCHMARKS[config.dataset]
    missing = read_missing(config.missing) if config.missing else set()
    stems = sorted(path.stem for path in config.src.glob("*.npz"))
    named = {stem: name for stem in stems if (name := ntu.clip_name(stem))}
    clips = {s: n for s, n in named.items() if n.action <= benchmark.actions and n.setup <= benchmark.setups}
    kept = {stem: name for stem, name in clips.items() if stem not in missing}
    left_out = {
        "not named like S001C002P005R002A008": [stem for stem in stems if stem not in named],
        f"not of {config.dataset}": [stem for stem in named if stem not in clips],
        "in the list of --missing": [stem for stem in clips if stem not in kept],
    }
    for why, which in left_out.items():
        if which:
            print(f"{len(which)} of {len(stems)} clips left out, {why}: {shortened(which)}")
    if missing:
        print(f"--missing has {len(missing)} names; {len(missing & set(stems))} of them are in {config.src}")
    if not kept:
        raise TaskError(
            f"{config.src} holds no clip of {config.dataset}; txt2npy makes them, as S001C002P005R002A008.npz"
        )
    return kept


def split_clips(clips: Sequence[ntu.ClipName], dataset: str) -> dict[str, tuple[list[int], list[int]]]:
    """The clips for training and test in each official split; says how their counts compare with the official ones."""
    splits = {}
    for split, is_training in ntu.BENCHMARKS[dataset].splits.items():
        training = [number for number, name in enumerate(clips) if is_training(name)]
        test = [number for number, name in enumerate(clips) if not is_training(name)]
        if training and test:
            splits[split] = training, test
        whole, without_missing = ntu.BENCHMARKS[dataset].counts[split]
        count = len(training), len(test)
        said = {whole: "the official counts", without_missing: "the official counts without missing skeletons"}
        other = "not the whole data set, which has {} / {}, without missing skeletons {} / {}"
        other = other.format(*whole, *without_missing) if training and test else "so there is no such split"
        print(f"{split}: {count[0]} for training, {count[1]} for the test; {said.get(count, other)}")
    return splits


def all_persons(stems: Sequence[str], config: Config) -> Iterator[np.ndarray]:
    for stem in tqdm(stems, unit="clip"):
        yield persons(read_arrays(config.src / f"{stem}.npz"), config)


def npy2data(config: Config, classes: Sequence[str] = ()) -> None:
    """Makes a set; `classes` are names for the actions, instead of A001, ..."""
    if not 0 < config.frames <= MOST_FRAMES:
        raise TaskError(f"--frames is {config.frames}, expected a number from 1 to {MOST_FRAMES}")
    clips = chosen_clips(config)
    splits = split_clips(list(clips.values()), config.dataset)
    if not splits:
        raise TaskError(
            f"no split has clips for training and for the test, among {len(clips)} of {config.dataset} in "
            f"{config.src}; add clips of other subjects, cameras or setups"
        )
    arrays.write(
        config.dst,
        all_persons(list(clips), config),
        (len(clips), config.frames, PERSONS * len(ntu.PARENTS)),
        config.dtype,
        [name.action - 1 for name in clips.values()],
        list(clips),
        ntu.PARENTS,
        splits,
        config.pad,
        classes or [f"A{action:03d}" for action in range(1, ntu.BENCHMARKS[config.dataset].actions + 1)],
        asdict(config),
        {"subject": [name.subject for name in clips.values()], "view": [name.camera for name in clips.values()]},
    )


def main(arguments: list[str] | None = None) -> None:
    prog = "python -m tasks.skeleton_action.npy2data"
    parser = argparse.ArgumentParser(prog=prog, add_help=False)
    parser.add_argument("--preset", choices=PRESETS, default="tracked")
    chosen, rest = parser.parse_known_args(arguments)
    guarded(
        lambda: npy2data(tyro.cli(Config, args=rest, default=PRESETS[chosen.preset], description=__doc__, prog=prog)),
        prog,
    )


if __name__ == "__main__":
    main()
