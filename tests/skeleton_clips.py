"""Small skeletons for tests: random joints, with what real files hold of the unusual."""

import numpy as np

from tasks.skeleton_action.skeleton_file import Skeleton

FIRST_ID = 72057594037927936  # 2**56: a float64 cannot tell it from the next


def skeleton(bodies_by_frame, seed=0):
    """A clip whose frames hold these body numbers, e.g. [[0], [0, 1], []]."""
    rng = np.random.default_rng(seed)
    frame = [number for number, bodies in enumerate(bodies_by_frame) for _ in bodies]
    ids = [FIRST_ID + body for bodies in bodies_by_frame for body in bodies]
    joints = rng.normal(size=(len(frame), 25, 12)) * 10.0 ** rng.integers(-3, 3, (len(frame), 25, 12))
    joints[..., 11] = rng.integers(0, 3, (len(frame), 25))
    body = rng.integers(0, 3, (len(frame), 9)).astype(float)
    body[:, 6:8] = rng.normal(size=(len(frame), 2))
    return Skeleton(len(bodies_by_frame), np.array(frame, np.int32), np.array(ids, np.uint64), body, joints)


def exit_status(main, arguments):
    try:
        main(arguments)
    except SystemExit as stop:
        return stop.code
    return 0


def standing(x, frames, seed=0, height=1.7):
    """Positions (frames, 25, 3) of somebody who stands at x and moves a little."""
    rng = np.random.default_rng(seed)
    rest = rng.uniform((-0.2, 0, -0.1), (0.2, height, 0.1), (25, 3))
    rest[3], rest[15] = (0, height, 0), (0, 0, 0)
    rest[1] = (0, 1, 0)
    return rest + np.array((x, 0, 3)) + rng.normal(0, 0.01, (frames, 25, 3))


def clip(*seen, frames):
    """The arrays of a clip: of each body its id, its frames and its positions."""
    frame = np.concatenate([np.arange(frames)[where] for _, where, _ in seen])
    order = np.argsort(frame, kind="stable")
    ids = np.concatenate([np.full(len(positions), FIRST_ID + body, np.uint64) for body, _, positions in seen])
    positions = np.concatenate([positions for *_, positions in seen]).astype(np.float32)
    return {"frames": np.array(frames), "frame": frame[order], "body_id": ids[order], "position": positions[order]}
