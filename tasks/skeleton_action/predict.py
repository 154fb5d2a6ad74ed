"""What a trained network takes a clip for."""

from pathlib import Path

import numpy as np
import torch

from ..checkpoint import load, read, restore
from ..config import TaskError
from . import arrays
from .samples import SampledClips
from .settings import Config
from .task import class_names, make_network, make_reader, votes_of


@torch.no_grad()
def predict(checkpoint: Path, folder: Path, number: int) -> tuple[str, float]:
    """The most probable class of a set's clip by a run's checkpoint, and its probability."""
    saved = read(checkpoint, Config.task)
    config = restore(Config, checkpoint, saved["config"])
    config.check()
    clips = arrays.read_set(folder)
    names = class_names(folder, int(clips.label.max()) + 1)
    try:
        network = make_network(config, clips, len(names))
        load(checkpoint, {"model": network}, saved)
    except TaskError as error:
        raise TaskError(f"{folder} is another set than that of the checkpoint: {error}") from None
    clip = SampledClips(make_reader(config, clips), np.array([number]), config.frames, config.seed, votes_of(config))
    probabilities = network.eval()(clip[0][0].unsqueeze(0)).softmax(1)[0]
    return names[int(probabilities.argmax())], float(probabilities.max())
