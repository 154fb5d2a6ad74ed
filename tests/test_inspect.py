"""What single units do: memories and impulses in closed form, silencing, and the pictures."""

import math

import numpy as np
import pytest
import torch
from idx_files import good_files, write
from PIL import Image

from indrnn_cupy import IndRNNRecurrence, MinGRURecurrence, PlainNetwork
from tasks.config import TaskError
from tasks.inspect import units
from tasks.inspect.__main__ import main
from tasks.sequential_mnist import train


def test_memories_and_impulses_are_those_of_the_weights():
    layer = IndRNNRecurrence(5)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, math.exp(-1 / 20), -0.9, 0.0, 1.1]))
    memory = units.memories(layer, 300.0)
    np.testing.assert_allclose(memory, [1 / math.log(2), 20, -1 / math.log(0.9), 0.1, 300], rtol=1e-5)
    response = units.impulses(layer, np.array([1, 0, 4]), 6)
    steps = np.arange(6)[:, None]
    np.testing.assert_allclose(response, np.array([[math.exp(-1 / 20), 0.5, 1.1]]) ** steps, rtol=1e-5)
    assert units.chosen(memory, np.ones(5, bool), 3).tolist() == [3, 2, 4]
    assert units.chosen(memory, np.array([True, False, False, False, False]), 3).tolist() == [0]
    assert [group.tolist() for group in units.groups(memory, 2)] == [[3, 0, 2], [1, 4]]


def test_silenced_units_give_their_means_and_only_within():
    network = PlainNetwork(3, 6, 2).eval()
    x, layer = torch.randn(7, 4, 3), units.layers(network)[0]
    whole, _ = network(x)
    with units.recorded(network) as outputs:
        network(x)
    with units.silenced(layer, np.array([1, 4]), torch.full((6,), 2.5)), units.recorded(network) as changed:
        network(x)
    assert torch.equal(changed[0][..., [0, 2, 3, 5]], outputs[0][..., [0, 2, 3, 5]])
    assert (changed[0][..., [1, 4]] == 2.5).all() and not torch.equal(changed[1], outputs[1])
    assert torch.equal(network(x)[0], whole)


def test_pictures_of_a_run(tmp_path, capsys):
    data = write(tmp_path / "data", good_files())
    small = "--hidden-size 8 --num-layers 2 --batch-size 8 --steps 3 --threads 1 --name run".split()  # noqa: SIM905
    train.main([*small, "--data-dir", str(data), "--runs", str(tmp_path)])
    checkpoint = str(tmp_path / "run" / "best.pt")
    main([checkpoint, "--units", "3", "--groups", "2", "--samples", "10"])
    folder = tmp_path / "run" / "inspect"
    names = {"memories.png", "impulses.png", "traces.png", "silencing.png"}
    assert {path.name for path in folder.iterdir()} == names
    for name in names:
        Image.open(folder / name).verify()
    assert f"{folder}/: memories.png" in capsys.readouterr().out
    for arguments, message in (
        (["--sample", "10"], "--sample is 10, expected 0 to 9"),
        (["--units", "0"], "--units is 0, expected 1 or more"),
        (["--data", "/nowhere"], "/nowhere is not a folder"),
    ):
        with pytest.raises(SystemExit) as stop:
            main([checkpoint, *arguments])
        said = capsys.readouterr().err
        assert stop.value.code == 2 and said.count("\n") == 1 and message in said


def test_a_network_without_such_units_is_refused():
    with pytest.raises(TaskError, match="no recurrence with one weight per unit"):
        units.layers(PlainNetwork(3, 6, 2, recurrence=MinGRURecurrence))
