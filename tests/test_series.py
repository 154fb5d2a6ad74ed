"""Series of one's own: every form of file gives the same set, what is wrong is named, padding reaches nothing."""

import csv
from importlib import metadata

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import TaskError
from tasks.scores import read_scores
from tasks.sequences import evaluate, train
from tasks.sequences.csv_folder import read_csv_folder
from tasks.sequences.examples import read_example
from tasks.sequences.npz import read_npz
from tasks.sequences.task import Config, SeriesNetwork, make_task, splits
from tasks.sequences.ts import read_ts

SMALL = "--hidden-size 8 --num-layers 1 --batch-size 4 --steps 12 --evaluate-every 6 --threads 1".split()  # noqa: SIM905


def example(count=12, channels=2, seed=0):
    """Series of 3 to 9 steps, labels, splits and groups."""
    rng = np.random.default_rng(seed)
    series = [rng.standard_normal((rng.integers(3, 10), channels)).astype(np.float32) for _ in range(count)]
    labels = [("up", "down", "flat")[n % 3] for n in range(count)]
    return series, labels, ["train" if n % 4 else "test" for n in range(count)], [f"p{n // 2}" for n in range(count)]


def padded(series):
    x = np.zeros((len(series), max(map(len, series)), series[0].shape[1]), np.float32)
    for row, one in zip(x, series, strict=True):
        row[: len(one)] = one
    return x


def write_csv(folder, series, labels, split, group):
    folder.mkdir()
    with open(folder / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "split", "group"])
        writer.writerows((f"{n}.csv", *row) for n, row in enumerate(zip(labels, split, group, strict=True)))
    for n, one in enumerate(series):
        lines = [",".join(map(repr, map(float, step))) for step in one]
        (folder / f"{n}.csv").write_text("\n".join(["a,b"] * (n % 2) + lines) + "\n")


def write_ts(folder, series, labels, split):
    folder.mkdir()
    for part in ("train", "test"):
        lines = ["# a comment", "@problemName Made", "@timeStamps false", "@classLabel true up down flat", "@data"]
        for one, label, own in zip(series, labels, split, strict=True):
            if own == part:
                lines.append(":".join(",".join(map(repr, map(float, channel))) for channel in one.T) + f":{label}")
        (folder / f"Made_{part.upper()}.ts").write_text("\n".join(lines) + "\n")


def same(one, other):
    assert one.classes == other.classes == ["down", "flat", "up"]
    assert torch.equal(one.lengths, other.lengths) and torch.equal(one.x, other.x) and torch.equal(one.y, other.y)
    assert one.split.tolist() == other.split.tolist()


def test_every_form_of_file_gives_the_same_set(tmp_path):
    series, labels, split, group = example()
    lengths = np.array([len(one) for one in series])
    more = {"y": np.array(labels), "lengths": lengths, "split": np.array(split), "group": np.array(group)}
    np.savez(tmp_path / "padded.npz", x=padded(series), **more)
    np.savez(tmp_path / "ragged.npz", x=np.concatenate(series), **more)
    write_csv(tmp_path / "csv", series, labels, split, group)
    one = read_npz(tmp_path / "padded.npz", False)
    assert one.lengths.tolist() == lengths.tolist() and [one.classes[label] for label in one.y] == labels
    assert all(torch.equal(x[: len(s)], torch.from_numpy(s)) for x, s in zip(one.x, series, strict=True))
    assert not one.x[one.lengths.argmin(), one.lengths.min() :].any()
    for other in (read_npz(tmp_path / "ragged.npz", False), read_csv_folder(tmp_path / "csv", False)):
        same(one, other)
        assert other.group.tolist() == group
    order = sorted(range(12), key=lambda n: split[n] == "test")  # of a .ts file: the training series first
    write_ts(tmp_path / "ts", series, labels, split)
    np.savez(
        tmp_path / "sorted.npz",
        x=padded(series)[order],
        y=np.array(labels)[order],
        lengths=lengths[order],
        split=np.array(split)[order],
    )
    for path in (tmp_path / "ts", tmp_path / "ts" / "Made_TEST.ts"):
        same(read_ts(path, False), read_npz(tmp_path / "sorted.npz", False))


def test_splits_are_those_of_the_set_or_whole_groups(tmp_path):
    series, labels, split, group = example(40)
    np.savez(tmp_path / "a.npz", x=padded(series), y=labels, lengths=[len(s) for s in series], split=split)
    _, validation, test = splits(read_npz(tmp_path / "a.npz", False), Config())
    assert len(test) == 10 and len(validation) == 3
    np.savez(tmp_path / "b.npz", x=padded(series), y=labels, lengths=[len(s) for s in series], group=group)
    sets = read_npz(tmp_path / "b.npz", False)
    rows = {tuple(x.flatten().tolist()): name for x, name in zip(sets.x, group, strict=True)}
    names = [{rows[tuple(x[:, 1:].flatten().tolist())] for x in part.x} for part in splits(sets, Config(seed=3))]
    assert [len(one) for one in names] == [14, 2, 4] and len(set.union(*names)) == 20
    again = splits(sets, Config(seed=3))
    assert all(torch.equal(a.x, b.x) for a, b in zip(again, splits(sets, Config(seed=3)), strict=True))


@pytest.mark.parametrize("readout", ["last", "mean"])
@pytest.mark.parametrize("model", ["indrnn", "mingru", "lstm"])
def test_padding_reaches_nothing(tmp_path, model, readout):
    series, labels, split, _ = example()
    np.savez(tmp_path / "a.npz", x=padded(series), y=labels, lengths=[len(s) for s in series], split=split)
    task = make_task(Config(data=str(tmp_path / "a.npz"), hidden_size=6, num_layers=2, model=model, readout=readout))
    network = task.model.eval()
    x = task.training.x
    together = network(x)
    for row, answer in zip(x, together, strict=True):
        alone = row[: int(row[:, 0].sum())].unsqueeze(0)
        torch.testing.assert_close(network(alone)[0], answer)
    poisoned = x.clone()
    poisoned[..., 1:][x[..., 0] == 0] = 1e30
    torch.testing.assert_close(network(poisoned), together)
    values = x[..., 1:][x[..., 0] > 0]
    torch.testing.assert_close(network.mean, values.mean(0))
    torch.testing.assert_close(network.deviation, values.std(0, correction=0))


def test_a_regression_is_in_the_units_of_its_targets(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 6, 1)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=x, y=1000 + 50 * x.mean((1, 2)))
    options = ["--data", str(tmp_path / "a.npz"), "--regression", "--runs", str(tmp_path), "--name", "run"]
    train.main([*SMALL, *options, "--steps", "200", "--evaluate-every", "100", "--learning-rate", "0.01"])
    said = capsys.readouterr().out.splitlines()[-1]
    assert float(said.split("mse ")[1]) < 0.2 * (50**2 / 6)
    evaluate.main(["--checkpoint", str(tmp_path / "run" / "best.pt")])
    assert said.split("test ")[1] in capsys.readouterr().out
    with pytest.raises(SystemExit):
        evaluate.main(["--checkpoint", str(tmp_path / "run" / "best.pt"), "--scores", str(tmp_path / "a.npz")])
    assert "--scores writes scores of classes, which sequences" in capsys.readouterr().err


def test_trains_on_rows_of_digits(tmp_path, capsys):
    options = [*SMALL, "--example", "digit-rows", "--steps", "120", "--evaluate-every", "60", "--hidden-size", "32"]
    train.main([*options, "--batch-size", "32", "--runs", str(tmp_path), "--name", "run"])
    said = capsys.readouterr().out.splitlines()
    assert "1,293 training, 144 validation, 360 test samples" in said[0]
    accuracy = float(said[-1].split("accuracy ")[1].split()[0])
    assert accuracy > 60
    evaluate.main(["--checkpoint", str(tmp_path / "run" / "best.pt"), "--scores", str(tmp_path / "scores.npz")])
    found = read_scores(tmp_path / "scores.npz")
    assert found.scores.shape == (360, 10) and found.names.tolist() == [str(number) for number in range(360)]
    assert 100 * (found.scores.argmax(1) == found.labels).mean() == pytest.approx(accuracy, abs=0.01)
    assert read_example("digits").x.shape == (1797, 64, 1)


def test_speakers_of_aeon():
    try:
        metadata.files("aeon")
    except metadata.PackageNotFoundError:
        with pytest.raises(
            TaskError, match="the package aeon, which contains this example, is not installed: pip install"
        ):
            read_example("japanese-vowels")
        return
    vowels = read_example("japanese-vowels")
    assert vowels.x.shape == (640, 29, 12) and vowels.lengths.min() == 7 and vowels.classes == list("123456789")
    assert (vowels.split == "train").sum() == 270


def arrays(**changes):
    whole = {"x": np.ones((3, 4, 2), np.float32), "y": np.array([0, 1, 1])}
    return {name: value for name, value in (whole | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (arrays(y=None), "lacks y; expected x, y"),
        (arrays(x=np.array(["a"] * 3)), "x is <U1 and y has shape"),
        (arrays(x=np.full((3, 4, 2), np.nan)), "series 0 contains NaN, infinity"),
        (arrays(x=np.ones((3, 0, 2))), "series 0 is empty"),
        (arrays(x=np.ones((4, 4, 2))), r"x has shape \(4, 4, 2\), expected \(3, T, C\)"),
        (arrays(lengths=np.array([4, 5, 1])), "lengths are 1 to 5, expected 1 to 4"),
        (arrays(lengths=np.array([1.0, 2, 3])), "lengths is float64"),
        (arrays(y=np.array([1, 1, 1])), "has 1 classes, expected 2 to 1000; use --regression for numbers"),
        (arrays(y=np.array(["a", "", "b"])), "series 1 has no label"),
        (arrays(y=np.array([0.0, np.nan, 1])), "series 1 has no label"),
        (arrays(split=np.array(["train", "tset", ""])), "has the split 'tset', expected train, validation, test"),
        (arrays(split=np.array(["train", "test"])), "has 2 entries of split for 3 series"),
        (arrays(x=np.array([None] * 3, object)), "is not an .npz file of plain arrays"),
    ],
)
def test_npz_files_that_are_wrong_are_named(tmp_path, content, message):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(TaskError, match=rf"a\.npz.*{message}"):
        read_npz(tmp_path / "a.npz", False)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.csv", "", "begins with nothing, expected columns named file and label"),
        ("labels.csv", "file,label\n0.csv\n", r"labels\.csv: line 2 has 1 fields, expected 2"),
        ("labels.csv", "file,label\n../0.csv,a\n", "names the file '../0.csv', expected one in the folder"),
        ("labels.csv", "file,label\nnone.csv,a\n", r"none\.csv cannot be read"),
        ("labels.csv", b"file,label\n\xff,a\n", r"labels\.csv is not a CSV file in UTF-8"),
        ("0.csv", "1,2\n3\n", r"0\.csv: step 2 is '3', expected 2 numbers"),
        ("0.csv", "a,b\n1,x\n", r"0\.csv: step 1 is '1,x', expected 2 numbers"),
        ("0.csv", "1,2\n1,nan\n", "series 0 contains NaN"),
        ("0.csv", "1,2,3\n", "series have 2, 3 channels, expected the same number"),
        ("0.csv", "a,b\n", r"0\.csv has no steps"),
    ],
)
def test_csv_folders_that_are_wrong_are_named(tmp_path, name, content, message):
    write_csv(tmp_path / "set", *example())
    (tmp_path / "set" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TaskError, match=message):
        read_csv_folder(tmp_path / "set", False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@data", "@date", "has no @data line"),
        ("@timeStamps false", "@timeStamps true", "has timestamps, which are not supported"),
        (":up", ",?:up", "line .* has a missing number; fill it in first"),
        (":up", ",x:up", "line .* has could not convert string to float"),
        (":up", ",1:up", "has channels of .* steps, expected the same number in each"),
    ],
)
def test_ts_files_that_are_wrong_are_named(tmp_path, old, new, message):
    write_ts(tmp_path / "set", *example()[:3])
    path = tmp_path / "set" / "Made_TRAIN.ts"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(TaskError, match=message):
        read_ts(tmp_path / "set", False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.binary(max_size=40), place=st.integers(0, 3000), cut=st.integers(0, 3000))
def test_damaged_files_are_refused_or_read(tmp_path, damage, place, cut):
    series, labels, *_ = example()
    np.savez(tmp_path / "a.npz", x=padded(series), y=labels, lengths=[len(s) for s in series])
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: place % len(content)] + damage + content[place % len(content) + cut :])
    try:
        found = read_npz(tmp_path / "a.npz", False)
    except TaskError as error:
        assert "\n" not in str(error)
    else:
        assert found.x.isfinite().all()


@pytest.mark.parametrize("data", ["nothing.npz", "nothing", "text.txt"])
def test_what_is_not_there_ends_in_one_line(tmp_path, capsys, data):
    (tmp_path / "text.txt").write_text("1,2")
    with pytest.raises(SystemExit) as stop:
        train.main([*SMALL, "--data", str(tmp_path / data), "--runs", str(tmp_path)])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and data in said


def test_the_network_is_made_without_a_hidden_group():
    task = make_task(Config(example="digit-rows", hidden_size=4, num_layers=1))
    assert isinstance(task.model, SeriesNetwork) and task.classes == list("0123456789")
