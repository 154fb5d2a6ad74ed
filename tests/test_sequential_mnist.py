"""The sequential MNIST task: its data, its checks, and a training run in the small."""

import csv
import gzip
import json
import math
import re
import struct

import pytest
import torch

from tasks.run_folder import RunFolder
from tasks.sequential_mnist import train as task
from tasks.sequential_mnist.data import DataError, embedded, idx_folder
from tasks.sequential_mnist.network import PixelNetwork, SequenceBatchNorm, SequenceDropout, spread_memory_


def idx(*shape, content=None, magic=None):
    count = 1
    for n in shape:
        count *= n
    body = bytes(i % 10 for i in range(count)) if content is None else content
    return (magic or bytes((0, 0, 8, len(shape)))) + struct.pack(f">{len(shape)}I", *shape) + body


def good_files():
    return {
        "train-images-idx3-ubyte": idx(40, 28, 28),
        "train-labels-idx1-ubyte": idx(40),
        "t10k-images-idx3-ubyte": idx(10, 28, 28),
        "t10k-labels-idx1-ubyte": idx(10),
    }


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_embedded_digits_are_balanced_and_apart():
    train, test = embedded()
    assert train.images.shape == (4000, 784) and test.images.shape == (1000, 784)
    assert train.labels.bincount().tolist() == [400] * 10 and test.labels.bincount().tolist() == [100] * 10
    assert 25 < train.images.float().mean() < 45  # MNIST's mean is 33 of 255
    seen = {bytes(row) for row in train.images.numpy()}
    assert not any(bytes(row) in seen for row in test.images.numpy())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("spelling", ["-idx", ".idx"])
def test_idx_files_plain_and_packed(tmp_path, packed, spelling):
    files = {k.replace("-idx", spelling): v for k, v in good_files().items()}
    files = {k + ".gz": gzip.compress(v) for k, v in files.items()} if packed else files
    train, test = idx_folder(write(tmp_path, files))
    assert train.images.shape == (40, 784) and test.labels.tolist() == list(range(10))
    assert train.images[0, :12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"", "too few for the header"),
        ("train-images-idx3-ubyte", idx(40, 28, 28)[:-1], "truncated or damaged"),
        ("train-images-idx3-ubyte", idx(40, 28, 28) + b"x", "truncated or damaged"),
        ("train-images-idx3-ubyte", idx(40, 28, 28, magic=b"\x80\x02}q"), "begins with 80027d71"),
        ("train-images-idx3-ubyte", idx(40, 20, 28), r"images of \(20, 28\)"),
        ("train-images-idx3-ubyte", idx(2**31, 2**31, 4, content=b"x" * 9), "truncated or damaged"),
        ("train-images-idx3-ubyte", idx(2**32 - 1, 2**32 - 1, 0, content=b""), "truncated or damaged"),
        ("train-labels-idx1-ubyte", idx(39), "40 images but .* 39 labels"),
        ("t10k-labels-idx1-ubyte", idx(10, content=bytes([10] * 10)), "the label 10, expected 0 to 9"),
        ("t10k-labels-idx1-ubyte", None, "no t10k-labels-idx1-ubyte"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    files = {**good_files(), name: content}
    folder = write(tmp_path, {k: v for k, v in files.items() if v is not None})
    with pytest.raises(DataError, match=message):
        idx_folder(folder)


def test_damaged_gz_and_empty_sets_are_named(tmp_path):
    files = good_files()
    files["train-images-idx3-ubyte.gz"] = gzip.compress(files.pop("train-images-idx3-ubyte"))[:-20]
    with pytest.raises(DataError, match="cannot read"):
        idx_folder(write(tmp_path / "a", files))
    files["train-images-idx3-ubyte.gz"] = gzip.compress(b"x")[:10] + b"\xff" * 200
    with pytest.raises(DataError, match="cannot read"):
        idx_folder(write(tmp_path / "a", files))
    files = {**good_files(), "t10k-images-idx3-ubyte": idx(0, 28, 28), "t10k-labels-idx1-ubyte": idx(0)}
    with pytest.raises(DataError, match="holds 0 images, too few"):
        idx_folder(write(tmp_path / "b", files))


def test_trains_and_writes_its_folder(tmp_path, capsys):
    data = write(tmp_path / "data", good_files())
    arguments = f"--data-dir {data} --hidden-size 8 --num-layers 2 --batch-size 8 --epochs 2 --permuted --seed 3"
    task.main([*arguments.split(), "--runs", str(tmp_path / "runs"), "--device", "cpu"])
    folder = tmp_path / "runs" / "sequential_mnist-1"
    assert re.search(rf"test accuracy \d+\.\d\d % of 10 digits, \d\.\d minutes, {folder}/\n$", capsys.readouterr().out)
    assert {p.name for p in folder.iterdir()} == {"config.json", "metrics.csv", "curves.png", "best.pt", "last.pt"}
    assert json.loads((folder / "config.json").read_text())["seed"] == 3
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [float(row["step"]) for row in rows] == [4, 8] and all(float(r["train_loss"]) > 0 for r in rows)
    checkpoint = torch.load(folder / "last.pt", weights_only=True)
    order = checkpoint["order"]
    assert order.sort().values.tolist() == list(range(784)) and order.tolist() != list(range(784))
    PixelNetwork(8, 2, 0.1, 1.01).load_state_dict(checkpoint["model"])


def test_same_seed_same_weights(tmp_path):
    data = write(tmp_path / "data", good_files())
    weights = []
    for name in "ab":
        config = task.Config(data, hidden_size=8, num_layers=2, batch_size=8, max_steps=3, name=name, runs=tmp_path)
        task.train(config)
        weights.append(torch.load(tmp_path / name / "last.pt", weights_only=True)["model"])
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-dir", "/nowhere"],
        ["--name", "taken", "--max-steps", "1"],
        ["--epochs", "0"],
        ["--dropout", "1"],
        ["--learning-rate", "0"],
        ["--magnitude", "1"],
        ["--magnitude", "nan"],
        ["--learning-rate", "nan"],
        ["--weight-decay", "-1"],
        ["--seed", "99999999999999999999"],
        ["--name", "../escape"],
        ["--name", ""],
        ["--device", "nonsense"],
        ["--device", "meta"],
    ],
)
def test_bad_arguments_end_with_one_line_and_status_2(tmp_path, capsys, arguments):
    (tmp_path / "taken").mkdir()
    with pytest.raises(SystemExit) as stop:
        task.main([*arguments, "--runs", str(tmp_path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert not list((tmp_path / "taken").iterdir())


def test_interrupted_write_keeps_the_file_before(tmp_path, monkeypatch):
    run = RunFolder(tmp_path, "task", None, {})
    run.save("last.pt", {"step": 1})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.save("last.pt", {"step": 2})
    assert run.load("last.pt") == {"step": 1}


def test_dropout_has_one_mask_for_all_steps():
    x = torch.rand(50, 4, 30) + 1
    y = SequenceDropout(0.4)(x)
    dropped = (y == 0).float().mean(0)
    assert set(dropped.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(y[y != 0], (x / 0.6)[y != 0])
    assert torch.equal(SequenceDropout(0.4).eval()(x), x)


def test_batch_norm_is_over_time_and_batch():
    y = SequenceBatchNorm(6)(torch.randn(20, 5, 6) * 3 + 2)
    torch.testing.assert_close(y.mean((0, 1)), torch.zeros(6), rtol=0, atol=1e-6)
    torch.testing.assert_close(y.var((0, 1), correction=0), torch.ones(6), rtol=0, atol=1e-4)


def test_memories_are_spread_evenly_in_their_logarithm():
    u = torch.empty(20_000)
    spread_memory_(u, 784)
    memory = -1 / u.log()
    shares = torch.histc(memory.log(), bins=5, min=0, max=math.log(784)) / len(u)
    torch.testing.assert_close(shares, torch.full((5,), 0.2), rtol=0, atol=0.02)
