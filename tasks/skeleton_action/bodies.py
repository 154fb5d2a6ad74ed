"""From bodies as a file lists them to two persons: who is who from frame to frame, and who is nobody.

The ghost rules are those of Chen et al., "Channel-wise Topology Refinement Graph Convolution", ICCV 2021 (CTR-GCN), and
one more: whoever never moves is nobody.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from .ntu import SPINE_MID

PERSONS = 2
FEWEST_FRAMES = 12
WIDE, WIDE_SHARE = 0.8, 0.69754  # wider than 0.8 of its height, in this share of its frames: a chair or a table
LEAST_MOTION, MOST_MOTION = 0.089925, 2.0  # m^2
STILL = 1e-6  # m^2: within 1 mm of one place; a Kinect's noise moves a person who stands at rest by more
JUMP = 0.5  # metres of the spine from one frame to the next, 15 m/s: not the same person

Track = dict[int, np.ndarray]
"""Positions (25, 3) of one body by frame."""


def has_data(positions: np.ndarray) -> np.ndarray:
    """Whether bodies (..., J, 3) were measured: what fills a gap puts all joints at one point, or at none (NaN)."""
    if positions.shape[-2] == 1:  # one joint is always at one point: only zero or NaN can be a filler
        return (np.isfinite(positions) & (positions != 0)).any((-2, -1))
    first = positions[..., :1, :]
    return ~((positions == first) | (np.isnan(positions) & np.isnan(first))).all((-2, -1))


def by_order(clip: Mapping[str, np.ndarray]) -> list[Track]:
    """A person is a place in the file's list of bodies, whoever it is; only the first two count."""
    tracks: list[Track] = [{} for _ in range(PERSONS)]
    places = Counter[int]()
    for frame, seen, position in zip(clip["frame"].tolist(), has_data(clip["position"]), clip["position"], strict=True):
        if seen and places[frame] < PERSONS:
            tracks[places[frame]][frame] = position
        places[frame] += 1
    return tracks


def by_id(clip: Mapping[str, np.ndarray], drop_ghosts: bool) -> list[Track]:
    """A person is a tracking id, and what comes before and after it under another id; the one who moves most first."""
    tracks = tracks_of_ids(clip)
    dropped = ghosts(tracks) if drop_ghosts else set()
    found = [track for body, track in tracks.items() if body not in dropped]
    if len(found) == 1:  # nobody with whom an id could have been exchanged
        return [found[0], {}]
    return sorted(join(piece for track in found for piece in split_at_jumps(track)), key=motion, reverse=True)


def tracks_of_ids(clip: Mapping[str, np.ndarray]) -> dict[int, Track]:
    """Each tracking id with the frames in which it has data."""
    tracks: dict[int, Track] = {}
    rows = zip(clip["frame"].tolist(), clip["body_id"].tolist(), clip["position"], strict=True)
    for seen, (frame, body, position) in zip(has_data(clip["position"]), rows, strict=True):
        if seen:
            tracks.setdefault(body, {}).setdefault(frame, position)
    return tracks


def ghosts(tracks: Mapping[int, Track]) -> set[int]:
    """The ids that are nobody. One always stays: the longest, if possible one that moves."""
    found = {body for body, track in tracks.items() if is_ghost(track)}
    if found and found == tracks.keys():
        found.remove(max(tracks, key=lambda body: (not is_still(tracks[body]), len(tracks[body]))))
    return found


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
    """The variance of all joints in all frames, summed over x, y and z: m^2. It includes the extent of the body."""
    return float(np.var(np.stack(list(track.values())).reshape(-1, 3), 0).sum()) if track else -1.0


def is_still(track: Track) -> bool:
    """Whether every joint stays where it is: its variance over time, the mean of all joints."""
    return bool(np.var(np.stack(list(track.values()), dtype=float), 0).sum(-1).mean() < STILL)


def is_ghost(track: Track) -> bool:
    """Whether a track is too short, too wide or too still, or varies too little or too much for a person."""
    spread = np.ptp(np.stack(list(track.values())), 1)
    wide = (spread[:, 0] > WIDE * spread[:, 1]).mean() >= WIDE_SHARE
    varies = LEAST_MOTION <= motion(track) <= MOST_MOTION
    return len(track) < FEWEST_FRAMES or bool(wide) or not varies or is_still(track)
