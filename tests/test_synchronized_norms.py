"""convert_sync_batchnorm: the same numbers in one process, the statistics of the whole batch in two."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from indrnn_cupy import DenseNetwork, PlainNetwork, ReversibleNetwork, SequenceBatchNorm, StepBatchNorm

convert = nn.SyncBatchNorm.convert_sync_batchnorm
SCRIPT = """
import torch, torch.distributed as dist
from indrnn_cupy import PlainNetwork, ReversibleNetwork, SequenceBatchNorm, StepBatchNorm
from torch import nn

dist.init_process_group("gloo")
rank = dist.get_rank()
alone = [dist.new_group([r]) for r in range(2)][rank]
norm = nn.SyncBatchNorm.convert_sync_batchnorm(SequenceBatchNorm(3), alone)  # a group of one process
x = torch.randn(4, 2, 3)
torch.testing.assert_close(norm(x), SequenceBatchNorm(3)(x))
lengths = torch.tensor([7, 2, 5, 7, 1, 6])
for make in (
    lambda: SequenceBatchNorm(3), lambda: StepBatchNorm(3, 9),
    lambda: PlainNetwork(3, 4, 2), lambda: PlainNetwork(3, 4, 2, norm="step", max_steps=7),
    lambda: ReversibleNetwork(3, 4, 2),
):
    for some in (None, lengths):
        torch.manual_seed(0)
        whole = make().double()
        parts = nn.SyncBatchNorm.convert_sync_batchnorm(make().double())
        parts.load_state_dict(whole.state_dict())
        x = torch.randn(7, 6, 3, dtype=torch.float64)
        weight = torch.randn(6, 1, dtype=torch.float64)
        results = []
        for module, rows in ((whole, slice(None)), (parts, slice(0, 4) if rank == 0 else slice(4, 6))):
            mine = x[:, rows].clone().requires_grad_()
            y = module(mine, lengths=None if some is None else some[rows])
            y = y[0] if isinstance(y, tuple) else y
            (y.sin() * weight[rows]).sum().backward()
            gradients = [p.grad for p in module.parameters()]
            if module is parts:
                for gradient in gradients:
                    dist.all_reduce(gradient)
            results.append([y, mine.grad, *gradients, *module.buffers()])
        (y, grad, *others), (y_part, grad_part, *others_of_parts) = results
        rows = slice(0, 4) if rank == 0 else slice(4, 6)
        torch.testing.assert_close(y_part, y[:, rows], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(grad_part, grad[:, rows], rtol=1e-8, atol=1e-11)
        for a, e in zip(others_of_parts, others, strict=True):
            torch.testing.assert_close(a, e, rtol=1e-8, atol=1e-11)
print("equal")
dist.destroy_process_group()
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda: SequenceBatchNorm(5),
        lambda: SequenceBatchNorm(5, batch_first=True),
        lambda: StepBatchNorm(5, 9),
        lambda: PlainNetwork(5, 5, 2),
        lambda: DenseNetwork(5, 2, (1,), norm="step", max_steps=5, differences=True),
        lambda: ReversibleNetwork(5, 5, 1),
    ],
)
@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2, 5, 3, 1])])
def test_a_converted_module_gives_the_same_in_one_process(make, lengths):
    module = make()
    twin = convert(copy.deepcopy(module))
    x = torch.randn(5, 5, 5)  # of as many steps, rows and units, where a wrong dimension would go unnoticed
    for _ in range(2):
        expected, actual = module(x, lengths=lengths), twin(x, lengths=lengths)
        if isinstance(actual, tuple):
            expected, actual = expected[0], actual[0]
        torch.testing.assert_close(actual, expected)
    for a, e in zip(twin.buffers(), module.buffers(), strict=True):
        torch.testing.assert_close(a, e)
    module.load_state_dict(twin.state_dict())


def test_two_processes_have_the_statistics_of_the_whole_batch(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "script.py"]
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.count("equal") == 2, done.stderr


def test_checkpoints_of_one_module_load():
    """Names of before the parameters were those of a torch.nn.BatchNorm1d inside."""
    network = PlainNetwork(3, 4, 2)
    old = {name.replace("batch_norm.", ""): tensor + 1 for name, tensor in network.state_dict().items()}
    assert "layers.0.block.norm.running_mean" in old
    network.load_state_dict(old)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, old[name.replace("batch_norm.", "")])
    other, x = PlainNetwork(3, 4, 2), torch.randn(5, 2, 3)
    swapped = torch.func.functional_call(other.eval(), network.state_dict(), (x,))[0]
    assert torch.equal(swapped, network.eval()(x)[0])


def test_torch_finds_the_statistics():
    """torch.optim.swa_utils.update_bn, which looks for modules of a class of torch's."""
    network = PlainNetwork(3, 4, 1, norm="step", max_steps=6)
    batches = [torch.randn(6, 8, 3) for _ in range(3)]
    torch.optim.swa_utils.update_bn(batches, network)
    assert network.layers[0].block.norm.batch_norm.num_batches_tracked.tolist() == [3] * 6
