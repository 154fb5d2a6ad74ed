"""The settings of a run of skeleton action recognition."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from ..config import TaskError
from ..networks import NetworkConfig
from .placing import Center, Scale
from .sampling import Sampling
from .streams import Stream
from .validation import Validation


@dataclass
class Config(NetworkConfig):
    task = "skeleton_action"

    data_dir: Annotated[str | None, tyro.conf.arg(aliases=["--data-path"])] = None
    """Folder of a set, as npy2data writes it; without it, clips of a generated figure, in synthetic_dir."""
    synthetic_dir: str = "synthetic_skeletons"
    """Where generated clips are kept: text files, arrays, and the set."""
    split: str = "cross_subject"
    """Which split of the set: cross_subject, cross_view, cross_setup."""
    validation: Validation = "auto"
    """Which training clips are held out to choose the best checkpoint: 5 % of them at random, or those of 10 % of the
    subjects or of the views, at least one; auto is subject where the set has subjects, and random otherwise."""
    held_out: list[str] = field(default_factory=list)
    """These subjects or views are held out."""
    center: Center = "clip"
    """The origin: the root joint of the first person in the first frame, or in each frame, which discards the
    distance travelled; or each person's own, which also discards the distance between two persons."""
    scale: Scale = "none"
    """body: divide each clip by the mean bone length of its persons."""
    frames: int = 20
    """S, the frames drawn from each clip."""
    sampling: Sampling = "uniform"
    """How they are drawn: one of each of so many equal parts of the clip; the same of a random half or more of it; by
    the rule of Li et al., which leaves zeros around short clips; or all frames, of clips of any lengths."""
    votes: int = 20
    """Times that a clip is drawn in the test; the mean of the outputs counts. A fifth as many in validation."""
    stream: Stream = "joint"
    """What a network sees: positions of joints, bones from each joint's parent to it, or how these change from frame to
    frame. fuse combines runs of several streams."""
    joint_lines: bool = False
    """Add the distances of joints to lines through two others."""
    differences: bool = False
    """Add how each number changed since the frame before; in a dense network of every layer too."""
    published: bool = False
    """Lines and changes as in IndRNN_pytorch: lines to its ends, not those of hands and feet; the first change of a
    clip is its first frame, not 0."""
    random_time: bool = False
    """In training, draw the number of frames too, from N(frames, (frames / 4)^2), for each batch."""
    rotation: float | None = None
    """In training, turn a clip by at most so many degrees, at random, about the vertical and the sideways axis; by
    default 60 if the split holds out views, else 0."""
    mirror: bool = False
    """In training, exchange left and right in half of the clips, where no class depends on the side."""
    resize: float = 0.0
    """In training, make each axis of a clip longer or shorter by up to this share."""
    shear: float = 0.0
    """In training, add up to this share of each coordinate to the two others."""
    joint_dropout: float = 0.0
    """In training, the probability with which a joint is zero in a whole clip."""

    def check(self) -> None:
        super().check()
        self.expect_positive("frames", "votes")
        self.expect("rotation", lambda v: v is None or 0 <= v <= 180, "a number from 0 to 180")
        for name in ("resize", "shear", "joint_dropout"):
            self.expect(name, lambda v: 0 <= v < 1, "a number from 0 to below 1")
        self.expect("split", lambda v: v and "/" not in v, "the name of a split")
        if self.sampling == "all" and self.random_time:
            raise TaskError("--random-time draws a number of frames, and --sampling all takes all; leave out one")
