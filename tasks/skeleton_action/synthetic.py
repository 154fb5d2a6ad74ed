"""A figure performs twelve actions: `.skeleton` text files as a Kinect writes them, and the set that is made of them.

    python -m tasks.skeleton_action.synthetic

20 subjects, three cameras, two replications: 1,440 files. Bodies, tempo, size of movements and the hand differ between
subjects; there is noise in every joint, frames without a body, bodies that are none, and tracking ids that change.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import tyro
from numpy.random import Generator, default_rng
from tqdm import tqdm

from ..command import run_command
from ..run_folder import write_whole
from .actions import ACTIONS, Motion, Scene, subject
from .figure import pose
from .npy2data import Config as Npy2Data
from .npy2data import npy2data
from .ntu import ClipName
from .skeleton_file import JOINTS, Skeleton, text
from .txt2npy import Config as Txt2Npy
from .txt2npy import txt2npy

SUBJECTS, CAMERAS, REPLICATIONS = 20, 3, 2
FIRST_ID = 72057594037927936  # 2**56, where a float64 confuses an id with the seven next to it
CAMERA_TURN = np.deg2rad((-45, 0, 45))


class Recording(NamedTuple):
    """How long clips are, and how exact."""

    frames: tuple[int, int]
    """From the first to below the second, at a usual tempo."""
    least: int
    most: int
    noise: float
    """Metres, in each coordinate of each joint."""


USUAL = Recording((26, 60), 16, 80, 0.012)
SHORT = Recording((8, 40), 8, 39, 0.1)


class Seen(NamedTuple):
    """A body in some frames: (n,), and positions (n, 25, 3) in the camera's space."""

    frames: np.ndarray
    body_id: int
    positions: np.ndarray


def clip_names() -> Iterator[ClipName]:
    """Half of the subjects in either of two setups."""
    ranges = (range(1, n + 1) for n in (CAMERAS, SUBJECTS, REPLICATIONS, len(ACTIONS)))
    return (ClipName(1 if c[1] <= SUBJECTS // 2 else 2, *c) for c in product(*ranges))


def performed(action: int, rng: Generator, person_seed: int, recording: Recording) -> list[np.ndarray]:
    """What one or two persons do, (F, 25, 3) each, before any camera: x and z on the floor, the first faces -z."""
    movers = [mover for mover in list(ACTIONS.values())[action - 1] if mover]
    frames = int(rng.integers(*recording.frames))
    persons = []
    for number, mover in enumerate(movers):
        person = subject(default_rng((person_seed, number * int(rng.integers(1, 10**6)))))
        own_frames = min(max(recording.least, round(frames / person.tempo)), recording.most)
        scene = Scene(person, own_frames if len(movers) == 1 else frames, rng)
        angles, root = mover(scene)
        persons.append(pose(*_with_sway(Motion(angles, root), rng), person.proportions))
    if len(persons) == 2:  # face to face, about a metre apart
        apart = rng.uniform(0.8, 1.2)
        persons[0] = _turned(persons[0], np.pi / 2) - np.array((apart / 2, 0, 0))
        persons[1] = _turned(persons[1], -np.pi / 2) + np.array((apart / 2, 0, 0))
        return persons
    return [_turned(persons[0], np.pi + rng.normal(0, 0.15))]


def _with_sway(motion: Motion, rng: Generator) -> Motion:
    """A body is never quite still."""
    t = np.linspace(0, 1, len(motion.root))
    angles = dict(motion.angles)
    for name in ("bend", "left_arm_forward", "right_arm_forward", "left_elbow", "right_elbow", "yaw"):
        swing = rng.normal(0, 0.05) + 0.06 * rng.normal() * np.sin(
            2 * np.pi * (rng.uniform(0.3, 1.5) * t + rng.random())
        )
        angles[name] = angles.get(name, 0.0) + swing
    return Motion(angles, motion.root)


def _turned(positions: np.ndarray, angle: float) -> np.ndarray:
    s, c = np.sin(angle), np.cos(angle)
    return positions @ np.array(((c, 0, s), (0, 1, 0), (-s, 0, c))).T


def clip(name: ClipName, seed: int = 0, recording: Recording = USUAL) -> Skeleton:
    """What one camera records."""
    rng = default_rng((seed, name.subject, name.replication, name.action))  # the same performance for all cameras
    persons = performed(name.action, rng, 1000 * seed + name.subject, recording)
    rng = default_rng((seed, *name))
    distance, height = rng.uniform(2.4, 3.8), rng.uniform(0.9, 1.3)
    turn = CAMERA_TURN[name.camera - 1] + rng.normal(0, 0.06)
    place = np.array((rng.normal(0, 0.3), -height, distance))
    bodies = []
    ids = FIRST_ID + int(rng.integers(0, 2**15)) + np.arange(8)
    for number, positions in enumerate(persons):
        positions = _turned(positions, turn) + place
        positions = positions + rng.normal(0, recording.noise, positions.shape)
        hidden = rng.random(positions.shape[:2]) < 0.02
        positions[hidden] += rng.normal(0, 0.08, (int(hidden.sum()), 3))
        frames = np.arange(len(positions))
        frames = frames[rng.random(len(frames)) > 0.02]
        changed = int(rng.integers(len(frames) // 3, len(frames))) if rng.random() < 0.1 else len(frames)
        for part, which in ((frames[:changed], ids[2 * number]), (frames[changed:], ids[2 * number + 1])):
            bodies.append(Seen(part, int(which), positions[part]))
    if rng.random() < 0.15:  # a piece of furniture
        frames = np.arange(int(rng.integers(3, len(persons[0]))))
        blob = rng.uniform((-0.6, -0.3, -0.1), (0.6, 0.1, 0.1), (JOINTS, 3)) + place + (rng.uniform(0.6, 1.5), 0, 0.8)
        bodies.append(Seen(frames, int(ids[6]), blob + rng.normal(0, 0.01, (len(frames), JOINTS, 3))))
    return recorded(bodies, max(len(positions) for positions in persons))


def recorded(bodies: list[Seen], frames: int) -> Skeleton:
    """A file's content: bodies frame by frame, with where a Kinect's two cameras see the joints."""
    frame = np.concatenate([body.frames for body in bodies])
    order = np.argsort(frame, kind="stable")
    positions = np.concatenate([body.positions for body in bodies])[order]
    joints = np.zeros((len(frame), JOINTS, 12))
    joints[..., :3] = positions
    plane = positions[..., :2] * (1, -1) / np.maximum(positions[..., 2:], 0.1)
    joints[..., 3:5], joints[..., 5:7] = plane * 365 + (256, 212), plane * 1050 + (960, 540)
    joints[..., 11] = 2
    body = np.zeros((len(frame), 9))
    body[:, 8] = 2
    body_id = np.repeat(np.array([b.body_id for b in bodies], np.uint64), [len(b.frames) for b in bodies])
    return Skeleton(frames, frame[order].astype(np.int32), body_id[order], body, joints)


def write_text(name: ClipName, folder: Path, recording: Recording = USUAL) -> None:
    file = "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}.skeleton".format(*name)
    write_whole(folder / file, text(clip(name, recording=recording)).encode())


def ensure(folder: Path, short: bool = False) -> Path:
    """The set of generated clips in a folder, made if it is not there: text files, then arrays, then the set."""
    found = folder / "set"
    if not found.exists():
        print(f"generating clips in {folder}/: text files, then arrays, then a set")
        texts = folder / "text"
        texts.mkdir(parents=True, exist_ok=True)
        names = list(clip_names())
        workers = len(os.sched_getaffinity(0))
        with ProcessPoolExecutor(workers) as pool:
            work = pool.map(partial(write_text, folder=texts, recording=SHORT if short else USUAL), names, chunksize=16)
            list(tqdm(work, total=len(names), unit="file"))
        txt2npy(Txt2Npy(texts, folder / "clips"))
        npy2data(Npy2Data(folder / "clips", found, ghosts="keep" if short else "drop"), list(ACTIONS))
    return found


@dataclass
class Config:
    folder: Annotated[Path, tyro.conf.Positional] = Path("synthetic_skeletons")
    """Where to make text/, clips/ and set/; 190 MB."""
    short: bool = False
    """Clips of 8 to 39 frames, with a noise of 10 cm in every joint."""


def main(arguments: list[str] | None = None) -> None:
    def run(config: Config) -> None:
        print(ensure(config.folder, config.short))

    run_command("tasks.skeleton_action.synthetic", __doc__, Config, run, arguments)


if __name__ == "__main__":
    main()
