"""docs/kernels.md, followed to the letter in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch

import indrnn_cupy

ROOT = Path(__file__).resolve().parents[1]
FILES = dict(re.findall(r"```\w+ file=([\w.]+)\n(.*?)```", (ROOT / "docs" / "kernels.md").read_text(), flags=re.S))


def follow(folder: Path, script: str) -> str:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_recurrence_of_one_s_own_is_used_and_checked(tmp_path):
    assert "leaky(x, u, rate, /, *, h0=None" in follow(tmp_path, "use.py")
    assert "in 1 launch on" in follow(tmp_path, "check.py")


def test_its_size():
    code = [line for line in FILES["leaky.cu"].splitlines() if line and not line.startswith("//")]
    assert len(code) <= 12


def test_a_spiking_neuron():
    lif = indrnn_cupy.recurrence(source=FILES["lif.cu"])
    y, v_n = lif(torch.tensor([0.6, 0.6, 0.6, 2.0]).view(4, 1, 1), torch.ones(1))
    assert y.flatten().tolist() == [0, 1, 0, 1]
    torch.testing.assert_close(v_n.item(), 1.8)


def test_the_functions_that_are_named_are_there():
    page = (ROOT / "docs" / "kernels.md").read_text()
    for row in re.findall(r"^\| (`[a-z].*?) \|", page, flags=re.M):
        for name in re.findall(r"[a-z_0-9]+(?=[ (`])", row):
            if name in ("a", "b", "c", "x", "condition"):
                continue
            arguments = {"fma": "x, x, h", "fmin": "x, h", "fmax": "x, h", "where": "x > h, x, h", "pow": "x, h"}.get(
                name, "x"
            )
            text = (
                f'#include "cell.cuh"\nINLINE auto f(Input auto x, State auto h) {{ return {name}({arguments}) + h; }}'
            )
            assert indrnn_cupy.recurrence(source=text)(torch.ones(1, 1, 1))[0].isfinite()
