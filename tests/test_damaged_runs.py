"""Damaged checkpoints, full disks and leftovers: one line that names the file, status 2, and nothing is lost."""

import os
import resource
import shutil
import subprocess
import zipfile
from contextlib import contextmanager
from typing import Literal

import pytest
import torch
from idx_files import good_files, write

from tasks.adding_problem import evaluate
from tasks.adding_problem import train as adding
from tasks.adding_problem.task import make_task
from tasks.checkpoint import has_type
from tasks.config import TaskError
from tasks.interruption import Interruption
from tasks.sequential_mnist import train as digits
from tasks.training import train

SMALL = "--length=20 --hidden-size=4 --batch-size=8 --steps=6 --evaluate-every=3 --test-size=15 --threads=1".split()  # noqa: SIM905
WEIGHT = "body.layers.0.projection.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that is done, one stopped after step 4 of 6, a wider one, and one of another task."""
    folder = tmp_path_factory.mktemp("runs")
    adding.main([*SMALL, "--runs", str(folder), "--name", "done"])
    adding.main([*SMALL, "--runs", str(folder), "--name", "wide", "--hidden-size=5"])
    data = ["--data-dir", str(write(folder / "data", good_files()))]
    tiny = ["--hidden-size=4", "--num-layers=1", "--steps=1", "--batch-size=8"]
    digits.main([*tiny, *data, "--runs", str(folder), "--name", "digits"])
    steps = iter(range(6))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Interruption, "requested", property(lambda _: next(steps) == 3, lambda *_: None))
        adding.main([*SMALL, "--runs", str(folder), "--name", "stopped"])
    return folder


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """A copy of the stopped run, at `run`."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made / "stopped", tmp_path / "run")


@pytest.fixture
def refused(capsys):
    """What a command says as it ends with status 2."""

    def refused(main, *arguments):
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        *bars, error = capsys.readouterr().err.rstrip("\n").split("\n")
        assert stop.value.code == 2 and error.startswith("error: ") and all("step" in bar for bar in bars)
        return error

    return refused


def edit(path, where, value=None):
    """Sets one entry of a checkpoint, or removes it."""
    checkpoint = torch.load(path, weights_only=True)
    *way, key = where
    part = checkpoint
    for step in way:
        part = part[step]
    if value is None:
        del part[key]
    else:
        part[key] = value
    torch.save(checkpoint, path)


def flip_a_bit(path):
    """In the largest tensor of a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        content = archive.read(max(archive.infolist(), key=lambda one: one.file_size * ("/data/" in one.filename)))
    whole = bytearray(path.read_bytes())
    whole[whole.index(content) + 3] ^= 1
    path.write_bytes(whole)


DAMAGES = {
    "missing": (lambda path: path.unlink(), "cannot be read: No such file"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is damaged"),
    "a bit": (flip_a_bit, "is damaged"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is not a file"),
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "is not a file"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoints_are_named(run, refused, damage):
    act, message = DAMAGES[damage]
    best = (run / "best.pt").read_bytes()
    act(run / "best.pt")
    assert f"run/best.pt {message}" in refused(evaluate.main, "--checkpoint", "run/best.pt")
    error = refused(adding.main, "--resume", "run")
    assert f"run/best.pt {message}" in error and "copy run/last.pt to it" in error
    shutil.rmtree(run / "best.pt") if (run / "best.pt").is_dir() else (run / "best.pt").unlink(missing_ok=True)
    (run / "best.pt").write_bytes(best)
    act(run / "last.pt")
    error = refused(adding.main, "--resume", "run")
    assert f"run/last.pt {message}" in error and error.endswith("; run/best.pt can still be evaluated")


@pytest.mark.parametrize("name", ["stopped", "done"])
def test_a_best_checkpoint_of_something_else_is_refused_at_once(made, run, refused, name):
    shutil.copy(made / name / "last.pt", run)
    shutil.copy(made / "digits" / "best.pt", run)
    other_task = "run/best.pt is a checkpoint of the task 'sequential_mnist' (str), expected 'adding_problem'"
    assert other_task in refused(adding.main, "--resume", "run")
    shutil.copy(made / "wide" / "best.pt", run)
    assert "run/best.pt is from another run: its name is 'wide'" in refused(adding.main, "--resume", "run")
    wide = torch.load(made / "wide" / "best.pt", weights_only=True)["model"]
    shutil.copy(made / name / "best.pt", run)
    edit(run / "best.pt", ["model"], wide)
    shapes = "is a tensor of float32 of shape (5, 2), expected a tensor of float32 of shape (4, 2)"
    assert f"run/best.pt does not fit: its model.{WEIGHT} {shapes}" in refused(adding.main, "--resume", "run")
    shutil.copy(run / "last.pt", run / "best.pt")  # as the message recommends
    adding.main(["--resume", "run"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hidden_size", "4", "is '4' (str), expected int"),
        ("hidden_size", [4], "is a list of length 1, expected int"),
        ("hidden_size", 4.0, "is 4.0 (float), expected int"),
        ("hidden_size", torch.tensor(4), "is a tensor of int64 of shape (), expected int"),
        ("steps", True, "is True (bool), expected int"),
        ("learning_rate", "x", "is 'x' (str), expected float"),
        ("learning_rate", float("nan"), "is nan (float), expected float"),
        ("threads", 1.5, "is 1.5 (float), expected int | None"),
        ("name", 5, "is 5 (int), expected str | None"),
        ("device", ["cpu"], "is a list of length 1, expected str"),
        ("schedule", {}, "is a dict of length 0, expected Literal['one_cycle', 'plateau']"),
    ],
)
def test_settings_of_a_wrong_type_are_named(run, refused, name, value, message):
    edit(run / "last.pt", ["config", name], value)
    edit(run / "best.pt", ["config", name], value)
    assert f"run/last.pt cannot be used: its config.{name} {message}" in refused(adding.main, "--resume", "run")
    error = refused(evaluate.main, "--checkpoint", "run/best.pt")
    assert f"run/best.pt cannot be used: its config.{name} {message}" in error


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (1, float, True),
        (True, float, False),
        (True, int, False),
        (None, int | None, True),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        ((1, 2), tuple[int, ...], True),
        ([1, 2], tuple[int, ...], False),
        ([1, "2"], list[int], False),
        ({"a": 1.5}, dict[str, float], True),
        ({1: 1.5}, dict[str, float], False),
    ],
)
def test_types_are_those_of_hints(value, kind, fits):
    assert has_type(value, kind) == fits


def test_settings_out_of_range_are_named_with_their_file(run, refused):
    edit(run / "last.pt", ["config", "hidden_size"], -4)
    assert "run/last.pt: --hidden-size is -4, expected" in refused(adding.main, "--resume", "run")


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("progress", [], "its progress is a list of length 0, expected a dict"),
        ("progress.step", "4", "its progress.step is '4' (str), expected int"),
        ("progress.step", None, "its progress lacks step"),
        ("progress.step", -4, "expected 0 to its step, -4"),
        ("progress.best", "x", "its progress.best is 'x' (str), expected float | None"),
        ("progress.rows", [3], "its progress.rows is"),
        ("progress.rows.0.train_mse", None, "a row of its progress.rows lacks train_mse"),
        ("sums", [], "its sums is a list of length 0, expected a dict"),
        ("sums.loss", "x", "its sums.loss is 'x' (str), expected float"),
        ("sums.loss", None, "its sums lacks loss"),
        ("optimizer.param_groups", [], "its optimizer.param_groups is a list of length 0, expected a list of length 2"),
        ("optimizer.param_groups.0.lr", "x", "its optimizer.param_groups.0.lr is 'x' (str), expected float"),
        ("optimizer.param_groups.0.lr", None, "it lacks optimizer.param_groups.0.lr"),
        ("optimizer.param_groups.0.betas", 3, "its optimizer.param_groups.0.betas is 3 (int), expected a tuple"),
        ("optimizer.state.0", [], "its optimizer.state.0 is a list of length 0, expected a dict of length 3"),
        ("optimizer.state.0.exp_avg", None, "it lacks optimizer.state.0.exp_avg"),
        (
            "optimizer.state.0.exp_avg",
            torch.zeros(3),
            "its optimizer.state.0.exp_avg is a tensor of float32 of shape (3,)",
        ),
        ("optimizer.state.0.step", torch.tensor(float("nan")), "its optimizer.state.0.step contains NaN"),
        ("schedule.last_epoch", None, "it lacks schedule.last_epoch"),
        ("schedule.total_steps", "x", "its schedule.total_steps is 'x' (str), expected int"),
        ("scaler", None, "it lacks scaler"),
    ],
)
def test_entries_of_a_run_that_are_wrong_are_named(run, refused, where, value, message):
    edit(run / "last.pt", [int(part) if part.isdigit() else part for part in where.split(".")], value)
    error = refused(adding.main, "--resume", "run")
    assert error.startswith("error: run/last.pt ") and message in error


def test_what_another_version_of_torch_adds_or_lacks_is_no_hindrance(run):
    edit(run / "last.pt", ["schedule", "step"], "no attribute to be set")
    edit(run / "last.pt", ["schedule", "cycle_momentum"])
    edit(run / "last.pt", ["optimizer", "param_groups", 0, "maximize"])
    adding.main(["--resume", "run"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(4, 3), "is a tensor of float32 of shape (4, 3), expected a tensor of float32 of shape (4, 2)"),
        (torch.zeros(4, 2).long(), "is a tensor of int64"),
        (torch.zeros(4, 2).to_sparse(), "is a sparse_coo tensor of float32"),
        (torch.zeros(4, 2, device="meta"), "is a meta tensor of float32"),
        (torch.zeros(1).expand(10**9, 10**9), "is a tensor of float32 of shape (1000000000, 1000000000)"),
        (torch.full((4, 2), float("nan")), "contains NaN"),
        ([1], "is a list of length 1"),
    ],
)
def test_weights_that_do_not_fit_are_named(run, refused, value, message):
    for name in ("best.pt", "last.pt"):
        edit(run / name, ["model", WEIGHT], value)
    for name, *command in (
        ("best.pt", evaluate.main, "--checkpoint", "run/best.pt"),
        ("last.pt", adding.main, "--resume", "run"),
    ):
        error = refused(*command)
        assert error.startswith(f"error: run/{name} ") and f"its model.{WEIGHT} {message}" in error


def test_compressed_checkpoints_are_not_unpacked(run, refused):
    with zipfile.ZipFile(run / "best.pt") as whole, zipfile.ZipFile(run / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        for part in whole.infolist():
            bomb.writestr(part.filename, whole.read(part))
    assert "run/bomb.pt is damaged" in refused(evaluate.main, "--checkpoint", "run/bomb.pt")


@contextmanager
def full_disk(most):
    """Files cannot grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("most", "named", "written"),
    [
        (100, "config.json", set()),
        (3000, "best.pt", {"config.json"}),
        (12_000, "last.pt", {"config.json", "best.pt"}),
        (21_000, "curves.png", {"config.json", "best.pt", "last.pt", "metrics.csv"}),
    ],
)
def test_a_full_disk_loses_nothing(made, run, refused, most, named, written):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with full_disk(most):
        error = refused(adding.main, "--resume", "run")
    assert error.startswith(f"error: run/{named} cannot be written: ") and error.endswith("continue with --resume run")
    after = {path.name: path.read_bytes() for path in run.iterdir()}
    assert before.keys() == after.keys() and {n for n in before if before[n] != after[n]} <= written
    adding.main(["--resume", "run"])
    ends = [torch.load(folder / "last.pt", weights_only=True)["model"] for folder in (run, made / "done")]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[1])


@pytest.mark.parametrize("runs", ["file", "file/below", "/proc/nowhere"])
def test_a_runs_folder_that_cannot_be_made_is_named(run, refused, runs):
    (run.parent / "file").touch()
    assert f"error: {runs} cannot be created: " in refused(adding.main, *SMALL, "--runs", runs)


def test_drafts_of_killed_processes_are_cleared(run):
    dead = subprocess.Popen(["true"])
    dead.wait()
    cleared = [f".best.pt.{dead.pid}.tmp", f".last.pt.{os.getpid()}.tmp"]
    kept = [f".best.pt.{os.getppid()}.tmp", ".notes.tmp", f"best.pt.{dead.pid}.tmp", f".best.pt.{dead.pid}.tmp.old"]
    for name in (*cleared, *kept):
        (run / name).touch()
    adding.main(["--resume", "run"])
    assert {name for name in (*cleared, *kept) if (run / name).exists()} == set(kept)


def test_a_validation_loss_that_is_not_finite_ends_the_run_before_it_is_saved(tmp_path):
    def with_bad_validation(config):
        task = make_task(config)
        task.validation = torch.utils.data.TensorDataset(torch.full((8, 20, 2), torch.inf), torch.zeros(8))
        return task

    config = adding.Config(length=20, hidden_size=4, batch_size=8, steps=6, evaluate_every=3, runs=str(tmp_path))
    with pytest.raises(TaskError, match="the validation loss is not finite after 3 steps"):
        train(config, with_bad_validation)
    assert [path.name for path in tmp_path.glob("*/*")] == ["config.json"]
