"""pyskl's format, a .pkl file: a dict with

    split        a dict of lists of names: xsub_train, xsub_val, ... or train1, test1, ...
    annotations  a list with a dict for each clip: frame_dir (its name), label, total_frames T, keypoint (M, T, V, C) of
                 M persons and V joints, and in two dimensions img_shape (height, width)

C = 3 is x, y, z, in metres. C = 2 are pixels: x and y become numbers from -1 to 1 by half the picture's width and
height, as pyskl normalizes them, but y goes up; z is 0, and keypoint_score is not read. Source: kennymckormick/pyskl,
tools/data/README.md and pyskl/datasets/pipelines/pose_related.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...config import TaskError, first_line
from ...files import opened
from .pickled_arrays import Array, array, kind, whole_number
from .plain_pickle import read_pickle
from .source import Source, columns_of_names


@dataclass(frozen=True)
class Annotation:
    name: str
    label: int
    keypoint: Array
    size: tuple[int, int] | None
    """Height and width of the picture, in two dimensions."""


def read(path: Path) -> Source:
    with opened(path) as file:
        content = read_pickle(file, path)
    match content:
        case {"split": dict(split), "annotations": list(listed)} if listed:
            pass
        case _:
            raise TaskError(
                f"{path} is a {kind(content)}, expected a dict with a dict `split` and a list `annotations`"
            )
    found = []
    for number, one in enumerate(listed):
        try:
            found.append(annotation(one))
        except (ValueError, KeyError) as error:
            said = f"lacks {error}" if isinstance(error, KeyError) else first_line(error)
            raise TaskError(f"{path}: annotation {number} {said}") from None
    names = [one.name for one in found]
    joints = {one.keypoint.shape[2] for one in found}
    if len(joints) > 1:
        raise TaskError(f"{path} has clips of {', '.join(map(str, sorted(joints)))} joints, expected the same number")
    return Source(
        path,
        lambda: clips(path, found),
        frames=max(one.keypoint.shape[1] for one in found),
        persons=max(one.keypoint.shape[0] for one in found),
        joints=joints.pop(),
        label=[one.label for one in found],
        name=names,
        splits=pairs(path, split, names),
        columns=columns_of_names(names),
    )


def annotation(one: Any) -> Annotation:
    """What a clip's dict says; ValueError or KeyError if it does not fit."""
    if not isinstance(one, dict):
        raise ValueError(f"is a {kind(one)}, expected a dict")
    name, keypoint = one["frame_dir"], of_key(array, one, "keypoint")
    if not isinstance(name, str) or not name:
        raise ValueError(f"has a {kind(name)} as frame_dir, expected a name")
    if len(keypoint.shape) != 4 or not all(keypoint.shape) or keypoint.shape[3] not in (2, 3):
        raise ValueError(f"({name[:80]}) has a keypoint of shape {keypoint.shape}, expected (M, T, V, 2 or 3)")
    frames = of_key(whole_number, one, "total_frames")
    if frames != keypoint.shape[1]:
        raise ValueError(f"({name[:80]}) has {frames} total_frames, but a keypoint of {keypoint.shape[1]}")
    size = None
    if keypoint.shape[3] == 2:
        size = of_key(picture_size, one, "img_shape")
    return Annotation(name, of_key(whole_number, one, "label"), keypoint, size)


def of_key(read: Any, one: Mapping[str, Any], key: str) -> Any:
    value = one[key]
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"has a {key} that {first_line(error)}") from None


def picture_size(value: Any) -> tuple[int, int]:
    if isinstance(value, tuple | list) and len(value) == 2:
        height, width = map(whole_number, value)
        if 0 < height < 2**20 and 0 < width < 2**20:
            return height, width
    raise ValueError("is not the height and width of a picture")


def pairs(path: Path, split: Mapping[str, Any], names: list[str]) -> dict[str, tuple[list[int], list[int]]]:
    """The splits, each of a list with `train` in its name and one with `val` or `test` there instead."""
    place = {name: number for number, name in enumerate(names)}
    if len(place) < len(names):
        raise TaskError(f"{path} has annotations with the same frame_dir, by which splits name them")
    found = {}
    for key in split:
        for other in (key.replace("train", end) for end in ("val", "test") if "train" in key):
            if other in split:
                found[key.replace("train", "").strip("_") or "given"] = (
                    places(path, key, split[key], place),
                    places(path, other, split[other], place),
                )
    return found


def places(path: Path, key: str, listed: Any, place: Mapping[str, int]) -> list[int]:
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise TaskError(f"{path}: the split {key[:80]} is not a list of names")
    found = [place[name] for name in listed if name in place]
    if len(found) < len(listed):
        print(f"{path}: {len(listed) - len(found)} of the {len(listed)} names of the split {key} have no annotation")
    if not found:
        raise TaskError(f"{path}: the split {key[:80]} names none of the annotations")
    return found


def clips(path: Path, found: list[Annotation]) -> Iterator[np.ndarray]:
    with opened(path) as file:
        for one in found:
            try:
                yield positions(one, one.keypoint.read(file))
            except ValueError as error:
                raise TaskError(f"{path}: the keypoint of {one.name} cannot be read: {first_line(error)}") from None


def positions(one: Annotation, keypoint: np.ndarray) -> np.ndarray:
    """(M, T, V, 2 or 3) to (T, M, V, 3)."""
    persons = keypoint.transpose(1, 0, 2, 3)
    if one.size is None:
        return persons
    half = np.array(one.size[::-1]) / 2
    z = np.zeros(persons.shape[:3])
    seen = np.any(persons, (-2, -1), keepdims=True)  # persons who are not seen are at the corner, as zeros
    return np.where(seen, np.concatenate(((persons - half) / half * (1, -1), z[..., None]), -1), 0)
