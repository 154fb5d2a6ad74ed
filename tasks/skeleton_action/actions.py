"""Twelve actions of the figure, with a person's own tempo, size of movement and hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .figure import HIP_HEIGHT


@dataclass
class Person:
    """How a subject moves."""

    proportions: np.ndarray
    """(25,), of the bones."""
    size: float
    """Of movements, about 1."""
    tempo: float
    """Of movements, about 1."""
    hand: str
    """left or right."""

    @property
    def hips(self) -> float:
        """Their height, standing."""
        return HIP_HEIGHT * float(self.proportions[13])


class Motion(NamedTuple):
    angles: dict[str, np.ndarray]
    root: np.ndarray
    """(F, 3), where the spine base is: x left, y up, z forward, of where the person begins."""


def subject(rng: Generator) -> Person:
    bones = rng.uniform(0.85, 1.12) * rng.normal(1, 0.03, 25)
    pairs = ((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24))
    for left, right in pairs:
        bones[right] = bones[left]
    return Person(bones, rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.3), "right" if rng.random() < 0.85 else "left")


def bump(t: np.ndarray, start: float, end: float) -> np.ndarray:
    """From 0 up to 1 and back, smoothly, between two times; t is from 0 to 1."""
    return np.sin(np.pi * np.clip((t - start) / (end - start), 0, 1)) ** 2


def rise(t: np.ndarray, start: float, end: float) -> np.ndarray:
    """From 0 to 1, smoothly, between two times."""
    u = np.clip((t - start) / (end - start), 0, 1)
    return u * u * (3 - 2 * u)


def held(t: np.ndarray) -> np.ndarray:
    """Up to 1, held there, and back."""
    return rise(t, 0.05, 0.3) - rise(t, 0.75, 0.98)


class Scene:
    """One performance: F frames of time from 0 to 1, shifted at random, and whose it is."""

    def __init__(self, person: Person, frames: int, rng: Generator) -> None:
        self.person, self.rng = person, rng
        self.t = np.clip(np.linspace(0, 1, frames) * rng.uniform(0.9, 1.1) - rng.uniform(0, 0.08), 0, 1)
        self.size = person.size * rng.uniform(0.85, 1.1)
        self.seconds = frames / 30
        self.hand = person.hand if rng.random() < 0.9 else {"left": "right", "right": "left"}[person.hand]

    def beat(self, hertz: float) -> np.ndarray:
        """A swing from -1 to 1, so many times a second at a usual tempo."""
        phase = self.rng.uniform(0, 2 * np.pi)
        return np.sin(2 * np.pi * hertz * self.person.tempo * self.seconds * self.t + phase)

    def motion(
        self, height: np.ndarray | float = 0.0, forward: np.ndarray | float = 0.0, **angles: np.ndarray
    ) -> Motion:
        """The motion of these angles; `main_` and `other_` before a name stand for the hand the person uses."""
        other = {"left": "right", "right": "left"}[self.hand]
        named = {k.replace("main_", f"{self.hand}_").replace("other_", f"{other}_"): v for k, v in angles.items()}
        root = np.zeros((len(self.t), 3))
        root[:, 1] = self.person.hips + height
        root[:, 2] = forward
        return Motion(named, root)


def raise_hand(s: Scene) -> Motion:
    return s.motion(main_arm_forward=2.7 * s.size * held(s.t), main_elbow=0.2 * held(s.t))


def wave(s: Scene) -> Motion:
    up = held(s.t)
    swing = 0.5 * s.size * s.beat(2.0) * up
    return s.motion(main_arm_out=1.3 * s.size * up, main_elbow_in=-1.5 * up + swing)


def clap(s: Scene) -> Motion:
    up, open_ = held(s.t), 0.25 * s.size * (1 + s.beat(2.2))
    arms = {f"{side}_arm_forward": 1.0 * up for side in ("left", "right")}
    arms |= {f"{side}_elbow": 0.6 * up for side in ("left", "right")}
    arms |= {f"{side}_arm_out": (open_ - 0.2) * up for side in ("left", "right")}
    return s.motion(**arms)


def sit_down(s: Scene) -> Motion:
    down = rise(s.t, 0.15, 0.7)
    legs = {f"{side}_{joint}": 1.45 * s.size * down for side in ("left", "right") for joint in ("hip", "knee")}
    return s.motion(height=-0.38 * s.size * down, forward=-0.3 * down, bend=0.5 * bump(s.t, 0.1, 0.75), **legs)


def jump(s: Scene) -> Motion:
    crouch = bump(s.t, 0.1, 0.45) + 0.7 * bump(s.t, 0.6, 0.95)
    legs = {f"{side}_hip": 0.8 * crouch for side in ("left", "right")}
    legs |= {f"{side}_knee": 1.3 * crouch for side in ("left", "right")}
    legs |= {f"{side}_arm_forward": 1.2 * s.size * bump(s.t, 0.3, 0.75) for side in ("left", "right")}
    return s.motion(height=-0.2 * crouch + 0.3 * s.size * bump(s.t, 0.4, 0.65), **legs)


def bow(s: Scene) -> Motion:
    down = bump(s.t, 0.1, 0.9)
    return s.motion(bend=1.2 * s.size * down, nod=0.4 * down, lean=0.25 * down)


def kick(s: Scene) -> Motion:
    back, out = bump(s.t, 0.1, 0.45), bump(s.t, 0.35, 0.75)
    return s.motion(
        main_hip=s.size * (1.3 * out - 0.4 * back),
        main_knee=1.1 * back + 0.1 * out,
        lean=-0.2 * out,
        other_arm_out=0.5 * out,
    )


def punch(s: Scene) -> Motion:
    guard, out = held(s.t), bump(s.t, 0.35, 0.6)
    return s.motion(
        main_arm_forward=s.size * (0.5 * guard + 1.0 * out),
        main_elbow=guard * (1.9 - 1.8 * out),
        other_arm_forward=0.6 * guard,
        other_elbow=1.9 * guard,
        yaw=0.3 * out * (1 if s.hand == "right" else -1),
    )


def walk(s: Scene) -> Motion:
    stride = 0.5 * s.size * s.beat(0.95)
    legs = {
        "left_hip": stride,
        "right_hip": -stride,
        "left_arm_forward": -0.7 * stride,
        "right_arm_forward": 0.7 * stride,
    }
    legs |= {"left_knee": 0.5 * np.maximum(-stride, 0), "right_knee": 0.5 * np.maximum(stride, 0)}
    return s.motion(forward=1.1 * s.person.tempo * s.seconds * s.t, **legs)


def turn_around(s: Scene) -> Motion:
    way = 1 if s.rng.random() < 0.5 else -1
    step = 0.4 * s.beat(1.2) * bump(s.t, 0.1, 0.9)
    return s.motion(
        yaw=way * np.pi * s.size * rise(s.t, 0.1, 0.9), left_hip=np.maximum(step, 0), right_hip=np.maximum(-step, 0)
    )


def shake_hands(s: Scene) -> Motion:
    out = held(s.t)
    return s.motion(main_arm_forward=out * (0.75 + 0.15 * s.beat(2.0)) * s.size, main_elbow=0.7 * out)


def push(s: Scene) -> Motion:
    out = bump(s.t, 0.25, 0.7)
    arms = {f"{side}_arm_forward": 1.4 * s.size * out for side in ("left", "right")}
    arms |= {f"{side}_elbow": 1.2 * bump(s.t, 0.1, 0.4) for side in ("left", "right")}
    return s.motion(forward=0.3 * out, bend=0.25 * out, **arms)


def be_pushed(s: Scene) -> Motion:
    back = rise(s.t, 0.4, 0.75)
    return s.motion(
        forward=-0.5 * s.size * back, lean=-0.35 * bump(s.t, 0.38, 0.9), left_hip=-0.3 * bump(s.t, 0.4, 0.8)
    )


ACTIONS: dict[str, tuple[Callable[[Scene], Motion], Callable[[Scene], Motion] | None]] = {
    "raise hand": (raise_hand, None),
    "wave": (wave, None),
    "clap": (clap, None),
    "sit down": (sit_down, None),
    "jump": (jump, None),
    "bow": (bow, None),
    "kick": (kick, None),
    "punch": (punch, None),
    "walk": (walk, None),
    "turn around": (turn_around, None),
    "shake hands": (shake_hands, shake_hands),
    "push": (push, be_pushed),
}
"""What the first person does, and the second, in actions of two."""
