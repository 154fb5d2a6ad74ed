"""Two processes of torchrun train as one does."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
import indrnn_cupy

dist.init_process_group("gloo")
torch.manual_seed(0)
network = indrnn_cupy.IndRNN(3, 8, num_layers=2)
parallel = DistributedDataParallel(network)
x = torch.randn(12, 4, 3)
mine = x[:, dist.get_rank() :: 2]
parallel(mine)[0].square().mean().backward()
parts = [p.grad.clone() for p in network.parameters()]
network.zero_grad()
network(x)[0].square().mean().backward()
for part, whole in zip(parts, network.parameters(), strict=True):
    torch.testing.assert_close(part, whole.grad)
print("equal")
dist.destroy_process_group()
"""


def test_gradients_of_two_processes_equal_those_of_one(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "script.py"]
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.count("equal") == 2, done.stderr


def test_of_two_processes_that_end_one_says_why(tmp_path):
    """Both fail alike; and one cannot make its folder, so that the other loses it."""
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tasks.adding_problem.train", "--length=20", "--hidden-size=4", "--batch-size=8"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    for arguments, message in (["--length=1"], "--length is 1"), (["--runs=file"], "file cannot be created"):
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
        )
        said = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "[rank"))]
        assert done.returncode and len(said) == 1 and message in said[0], done.stderr
