"""From bodies as a file lists them to two persons: who is who from frame to frame, and who is nobody.

The ghost rules are those of Chen et al., "Channel-wise Topology Refinement Graph Convolution", ICCV 2021 (CTR-GCN).
"""

from collections.abc import Iterable, Mapping

import numpy as np

from .ntu import SPINE_MID

PERSONS = 2
FEWEST_FRAMES = 12
WIDE, WIDE_SHARE = 0.8, 0.69754  # wider than 0.8 of its height, in this share of its frames: a chair or a table
LEAST_MOTION, MOST_MOTION = 0.089925, 2.0  # m^2
JUMP = 0.5  # metres of the spine from one frame to the next, 15 m/s: not the same person

Track = dict[int, np.ndarray]
"""Positions (25, 3) of one body by frame."""


def by_order(clip: Mapping[str, np.ndarray]) -> list[Track]:
    """A person is a place in the file's list of bodies, whoever it is; only the first two count."""
    tracks: list[Track] = [{} for _ in range(PERSONS)]
    for frame, position in zip(clip["frame"].tolist(), clip["position"], strict=True):
        free = next((track for track in tracks if frame not in track), None)
        if free is not None:
            free[frame] = position
    return tracks


def by_id(clip: Mapping[str, np.ndarray], drop_ghosts: bool) -> list[Track]:
    """A person is a tracking id, and what comes before and after it under another id; the one who moves most first."""
    tracks: dict[int, Track] = {}
    for frame, body, position in zip(clip["frame"].tolist(), clip["body_id"].tolist(), clip["position"], strict=True):
        tracks.setdefault(body, {}).setdefault(frame, position)
    found = list(tracks.values())
    if drop_ghosts and len(found) > 1:
        found = [track for track in found if not is_ghost(track)] or [max(found, key=len)]
    if len(found) == 1:  # nobody with whom an id could have been exchanged
        return [found[0], {}]
    return sorted(join(piece for track in found for piece in split_at_jumps(track)), key=motion, reverse=True)


def split_at_jumps(track: Track) -> list[Track]:
    """The track in pieces, each of one person: an id that passes to somebody else jumps."""
    pieces: list[Track] = []
    last = None
    for frame, position in track.items():
        spine = position[SPINE_MID]
        if last is None or np.linalg.norm(spine - last[1]) > JUMP * (frame - last[0]):
            pieces.append({})
        pieces[-1][frame] = position
        last = frame, spine
    return pieces


def join(pieces: Iterable[Track]) -> list[Track]:
    """Two persons of all pieces, the longest first; each goes where its frames are free and it is nearest."""
    persons: list[Track] = [{} for _ in range(PERSONS)]
    for piece in sorted(pieces, key=len, reverse=True):
        free = [person for person in persons if person.keys().isdisjoint(piece)]
        if free:
            min(free, key=lambda person: gap(person, piece)).update(piece)
    return persons


def gap(person: Track, piece: Track) -> float:
    """How far the spine would go in a frame where a piece begins or ends; JUMP for a person who has no frames yet."""
    if not person:
        return JUMP
    frames, first, last = np.array(list(person)), min(piece), max(piece)
    before, after = frames[frames < first], frames[frames > last]
    ends = [(int(before.max()), first)] if len(before) else []
    ends += [(int(after.min()), last)] if len(after) else []
    return min(float(np.linalg.norm(person[a][SPINE_MID] - piece[b][SPINE_MID])) / abs(a - b) for a, b in ends)


def motion(track: Track) -> float:
    """The variance of all joints in all frames, summed over x, y and z: m^2."""
    return float(np.var(np.stack(list(track.values())).reshape(-1, 3), 0).sum()) if track else -1.0


def is_ghost(track: Track) -> bool:
    """Whether a track is too short, too wide, or moves too little or too much for a person."""
    spread = np.ptp(np.stack(list(track.values())), 1)
    wide = (spread[:, 0] > WIDE * spread[:, 1]).mean() >= WIDE_SHARE
    return len(track) < FEWEST_FRAMES or bool(wide) or not LEAST_MOTION <= motion(track) <= MOST_MOTION
