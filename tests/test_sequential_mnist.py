"""The sequential MNIST task: its data, its presets, and what is said of wrong files and settings."""

import gzip
import os
import tracemalloc
from importlib import metadata
from types import SimpleNamespace

import pytest
import torch
from idx_files import good_files, idx, write

from indrnn_cupy import recurrences
from tasks.config import TaskError
from tasks.sequential_mnist import evaluate, train
from tasks.sequential_mnist.data import DataError, embedded, idx_folder
from tasks.sequential_mnist.task import Config, make_task


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
        ("train-images-idx3-ubyte", idx(2**31, 2**31, 4, content=b"x" * 9), r"images of \(2147483648, 4\)"),
        ("train-images-idx3-ubyte", idx(2**32 - 1, 2**32 - 1, 0, content=b""), r"images of \(4294967295, 0\)"),
        (
            "train-images-idx3-ubyte",
            idx(2**32 - 1, 28, 28, content=b"x" * 9),
            "declares 4294967295 digits, expected at most",
        ),
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
    with pytest.raises(TaskError, match=r"train-images-idx3-ubyte.gz cannot be read"):
        idx_folder(write(tmp_path / "a", files))
    files["train-images-idx3-ubyte.gz"] = gzip.compress(b"x")[:10] + b"\xff" * 200
    with pytest.raises(TaskError, match=r"train-images-idx3-ubyte.gz cannot be read"):
        idx_folder(write(tmp_path / "a", files))
    files = {**good_files(), "t10k-images-idx3-ubyte": idx(0, 28, 28), "t10k-labels-idx1-ubyte": idx(0)}
    with pytest.raises(DataError, match="has 0 images, too few"):
        idx_folder(write(tmp_path / "b", files))


@pytest.mark.parametrize("count", [40, 1_000_000])
def test_gz_bombs_are_not_unpacked(tmp_path, count):
    """A header that states little, and one that states as much as it may: 784 MB."""
    files = good_files()
    content = idx(count, 28, 28, content=bytes(40 * 784)) + bytes(30_000_000 if count == 40 else 0)
    files["train-images-idx3-ubyte.gz"] = gzip.compress(content, 1)
    del files["train-images-idx3-ubyte"]
    folder = write(tmp_path, files)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz declares .* numbers.*damaged"):
        idx_folder(folder)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_read(tmp_path, make):
    folder = write(tmp_path, good_files())
    path = folder / "t10k-labels-idx1-ubyte"
    path.unlink()
    make(path)
    with pytest.raises(TaskError, match="t10k-labels-idx1-ubyte is not a file"):
        idx_folder(folder)


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"x"), os.mkfifo, lambda p: None])
def test_damaged_embedded_digits_are_named(tmp_path, monkeypatch, damage):
    path = metadata.PackagePath("mnist_5k.csv.gz")
    path.dist = SimpleNamespace(locate_file=lambda name: tmp_path / name)
    monkeypatch.setattr(metadata, "files", lambda _: [path])
    damage(tmp_path / path)
    with pytest.raises(TaskError, match=r"mnist_5k\.csv\.gz(:| is not)"):
        embedded()


def test_every_preset_makes_its_network(tmp_path):
    for name, preset in train.PRESETS.items():
        config = Config(**{**vars(preset), "data_dir": str(write(tmp_path, good_files()))})
        task = make_task(config)
        assert task.model(torch.zeros(2, 784, dtype=torch.uint8)).shape == (2, 10)
        last = list(recurrences(task.model))[-1]
        assert (last.weight >= 5 ** (-1 / 784)).all(), name
        assert bool(task.model.order.equal(torch.arange(784))) != config.permuted
    counts = {n: sum(p.numel() for p in make_task(c).model.parameters()) for n, c in train.PRESETS.items()}
    published = {"paper-plain-6": 86_410, "paper-plain-12": 187_786, "paper-dense": 256_514}
    assert published.items() <= counts.items()


def test_the_seed_gives_the_permutation_and_the_split(tmp_path):
    data = str(write(tmp_path, good_files()))
    one, same, other = (make_task(Config(data_dir=data, permuted=True, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one.model.order, same.model.order) and not torch.equal(one.model.order, other.model.order)
    assert torch.equal(one.validation.tensors[0], same.validation.tensors[0])
    assert one.model.order.sort().values.equal(torch.arange(784))
    assert len(one.training) == 38 and len(one.validation) == 2 and len(one.test) == 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-dir", "/nowhere"],
        ["--name", "taken", "--steps", "1"],
        ["--steps", "0"],
        ["--dropout", "1"],
        ["--learning-rate", "0"],
        ["--magnitude", "0.9"],
        ["--magnitude", "nan"],
        ["--learning-rate", "nan"],
        ["--weight-decay", "-1"],
        ["--seed", "99999999999999999999"],
        ["--name", "../escape"],
        ["--name", ""],
        ["--epochs", "0"],
        ["--bound", "0"],
        ["--block-config", "2", "0"],
        ["--bottleneck-dropout", "1"],
        ["--device", "nonsense"],
        ["--device", "meta"],
        ["--batch-size", "4000"],
        ["--resume", "/nowhere"],
        ["--resume", "/nowhere", "--steps", "3"],
    ],
)
def test_bad_arguments_end_with_one_line_and_status_2(tmp_path, capsys, arguments):
    (tmp_path / "taken").mkdir()
    with pytest.raises(SystemExit) as stop:
        train.main([*arguments, *([] if "--resume" in arguments else ["--runs", str(tmp_path)])])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert not list((tmp_path / "taken").iterdir())


class Poison:
    def __reduce__(self):
        return (open, ("poisoned", "w"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a checkpoint of tensors only"),
        (b"no zip", "not a checkpoint of tensors only"),
        (Poison(), "not a checkpoint of tensors only"),
        ({"weight": torch.zeros(3)}, "not a checkpoint of these tasks"),
        (
            {"task": "adding_problem", "config": {}, "model": {}},
            "a checkpoint of the task 'adding_problem' (str), expected",
        ),
        (
            {"task": "sequential_mnist", "config": {"other": 1}, "model": {}},
            "from another version of this task: its config has unknown entries: other",
        ),
        ({"task": "sequential_mnist", "config": vars(Config()), "model": {}}, "it lacks model.order"),
        (
            {"task": "sequential_mnist", "config": {**vars(Config()), "norm": 3}, "model": {}},
            "config.norm is 3 (int), expected",
        ),
        ({"task": "sequential_mnist", "config": [], "model": {}}, "its config is a list of length 0, expected a dict"),
        (None, "best.pt cannot be read: No such file"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_wrong_checkpoints_end_with_one_line_and_status_2(tmp_path, monkeypatch, capsys, content, message, whole):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "best.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
        if not whole:
            path.write_bytes(path.read_bytes()[:-100])
            message = "not a checkpoint of tensors only"
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--checkpoint", str(path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert message in error and not (tmp_path / "poisoned").exists()
