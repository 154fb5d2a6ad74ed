"""What the README shows is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    (found,) = (b for b in re.findall(rf"```{language}\n(.*?)```", README, flags=re.S) if containing in b)
    return found


def test_example_of_use():
    names: dict = {}
    exec(block("python", "IndRNN(128, 256"), names)
    assert names["y"].shape == (784, 32, 256) and names["h_n"].shape == (2, 32, 256)
    exec(block("python", "last_step("), names)
    deep, x, lengths = names["deep"].eval(), names["x"], names["lengths"]
    logits = names["classifier"](names["last_step"](deep(x, lengths=lengths)[0], lengths))
    for row in (0, 9):  # of a padded batch as of the row alone
        alone = names["classifier"](deep(x[: lengths[row], row])[0][-1])
        torch.testing.assert_close(logits[row], alone)
    exec(block("python", "activity_penalty("), names)
    assert 0 < names["activities"][0].events < 1 and names["loss"].requires_grad
    exec(block("python", "gradcheck"), names)
    exec(block("python", "cell.cuh"), names)
    assert names["h_n"].shape == (32, 64) and names["deep"](torch.randn(5, 2, 28))[0].shape == (5, 2, 64)


def test_editing_a_kernel(tmp_path):
    (tmp_path / "kernels").symlink_to(ROOT / "kernels")
    python = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    commands = "set -e\n" + block("sh", "mkdir my_kernels")
    done = subprocess.run(["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() and f"prints `{done.stdout.strip()}`" in README, done.stderr


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:kernels|indrnn_cupy|tasks|benchmarks|tests)/[\w/.]*)`", README)))
)
def test_named_paths_exist(path):
    assert (ROOT / path).exists()


def test_every_command_of_a_module_is_there():
    modules = re.findall(r"python -m ([\w.]+)", README)
    assert {"indrnn_cupy", "benchmarks.indrnn", "tasks.sequential_mnist.train"} <= set(modules)
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_check_of_edited_kernels(tmp_path):
    """The README's leaky ReLU, in the place of every activation, is sound."""
    (tmp_path / "kernels").symlink_to(ROOT / "kernels")
    make = block("sh", "mkdir my_kernels").split("INDRNN_CUPY_KERNELS")[0]
    subprocess.run(["bash", "-c", "set -e\n" + make], cwd=tmp_path, check=True)
    command = block("sh", "INDRNN_CUPY_KERNELS=my_kernels python -m").replace("python", sys.executable)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("Nothing wrong was found.\n"), done.stdout + done.stderr
