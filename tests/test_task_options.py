"""Options of the tasks as the earlier projects' pages have them, and those that choose parts of networks."""

import csv
import json

import pytest
import torch
from idx_files import good_files, write

from indrnn_cupy import recurrences, with_differences
from tasks.config import TaskError
from tasks.sequential_mnist import task as digits
from tasks.sequential_mnist import train
from tasks.skeleton_action import task as skeletons
from tasks.skeleton_action.features import lines, published_lines
from tasks.skeleton_action.ntu import PARENTS


@pytest.mark.parametrize("mark", ["-", "_"])
def test_the_options_of_irevrnn_s_page(tmp_path, mark):
    data = write(tmp_path / "data", good_files())
    options = {
        "epochs": 3,
        "batch_size": 8,
        "hidden_size": 8,
        "num_layers": 1,
        "data_path": data,
        "output_path": tmp_path / "results",
        "learning_rate": 0.001,
        "model": "irevrnn",
        "rev_len": 9,
    }
    train.main([word for name, value in options.items() for word in (f"--{name.replace('_', mark)}", str(value))])
    (folder,) = (tmp_path / "results").iterdir()
    config = json.loads((folder / "config.json").read_text())
    assert config["data_dir"] == str(data) and config["learning_rate"] == 0.001
    last = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))[-1]
    assert (float(last["epoch"]), int(last["step"])) == (3, 3 * (38 // 8))


def body(**options):
    config = digits.Config(hidden_size=8, num_layers=2, **options)
    config.check()
    return digits.PixelNetwork(config, torch.arange(784)).body


def test_the_bound_and_the_last_layer_s_memory():
    *others, last = recurrences(body(bound=1.5))
    assert all(r.bound == 1.5 for r in (*others, last)) and last.weight.min() >= 1 / 1.5
    *others, last = recurrences(body(last_long_memory=False))
    assert last.weight.min() < 0.99 * 5 ** (-1 / 784)
    assert {r.bound for r in recurrences(body(magnitude=1.0))} == {1.0}


def test_parts_of_a_dense_network():
    network = body(network="dense", block_config=[2, 1], first_width=3, bottleneck_dropout=0.25, norm_first=True)
    assert len(network.layers) == 1 + 2 + 1 + 1 + 1
    assert network.layers[0].block.recurrence.hidden_size == 24 and network.layers[0].block.norm_first
    dense = network.layers[1]
    assert (dense.bottleneck.block.dropout.p, dense.growth.block.dropout.p) == (0.25, 0.1)
    assert network.layers[3].block.dropout.p == 0.05  # half of --dropout


def skeleton(**options):
    return skeletons.SkeletonNetwork(skeletons.Config(hidden_size=4, num_layers=1, **options), 25, PARENTS, 3)


def test_the_lines_of_indrnn_pytorch():
    ours, theirs = ({frozenset(line) for line in make(PARENTS)} for make in (lines, published_lines))
    ends = {4, 5, 12, 15, 19}  # counted from 1
    assert len(theirs) == 39 and len(theirs - ours) == 15
    assert {frozenset((a - 1, b - 1)) for a in ends for b in ends if a < b} < theirs
    with pytest.raises(TaskError, match="--published has lines for the 25 joints of NTU RGB"):
        published_lines(PARENTS[:20])


def test_the_time_difference_of_indrnn_pytorch():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(4, 1, 1)
    assert with_differences(x)[:, 0, 1].tolist() == [0, 1, 1, 1]
    assert with_differences(x, from_zero=True)[:, 0, 1].tolist() == [1, 1, 1, 1]
    resets = torch.tensor([False, False, True, False]).view(4, 1)
    assert with_differences(x, resets=resets, from_zero=True)[:, 0, 1].tolist() == [1, 1, 3, 1]
    assert with_differences(x, before=x[0], from_zero=True)[:, 0, 1].tolist() == [0, 1, 1, 1]
    clips = torch.randn(5, 2, 25, 3)
    for published in (False, True):
        network = skeleton(differences=True, published=published)
        change = network.features(clips)[:, :, 75:]
        assert torch.equal(change[0], clips[0].flatten(1) if published else torch.zeros(2, 75))
    assert skeleton(network="dense", differences=True, published=True).body.differences == "from_zero"
    assert skeleton(norm_first=True).body.layers[0].block.norm_first
