"""What only a GPU can show, beside the suite of the ops, which runs there too."""

import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy.check.recurrences import RECURRENCES, with_gradients

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.mark.parametrize("recurrence", RECURRENCES, ids=str)
def test_bits_are_those_of_the_cpu(recurrence):
    inputs = recurrence.make_inputs(100, 7, 90, torch.float32)
    on_cpu = with_gradients(recurrence.function, inputs)
    on_gpu = with_gradients(recurrence.function, tuple(t.cuda() for t in inputs))
    for a, e in zip(on_gpu[:3], on_cpu[:3], strict=True):  # y, h_n, and the gradient of the sequence
        assert torch.equal(a.cpu(), e)


def test_runs_on_the_stream_that_torch_is_on():
    x, u = torch.randn(1000, 8, 64, device="cuda"), torch.rand(64, device="cuda")
    expected, _ = F.indrnn(x, u)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # another stream would not wait for it
        late = x * 1
        y, _ = F.indrnn(late, u)
    stream.synchronize()
    assert torch.equal(y, expected)


def test_is_captured_in_a_graph():
    x, u = torch.randn(50, 4, 64, device="cuda"), torch.rand(64, device="cuda")
    F.indrnn(x, u)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y, _ = F.indrnn(x, u)
    x.copy_(torch.randn(50, 4, 64))
    graph.replay()
    assert torch.equal(y, F.indrnn(x, u)[0])


def test_many_steps_of_few_lanes_run_in_chunks():
    x, u = torch.randn(65536, 1, 128), torch.rand(128)
    sequential = with_gradients(F.indrnn, (x, u))
    for a, e in zip(with_gradients(F.indrnn, (x.cuda(), u.cuda())), sequential, strict=True):
        assert (a.cpu() - e).abs().max() <= 5e-5 * e.abs().max()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one CUDA device")
def test_runs_where_the_tensors_are():
    x, u = torch.randn(50, 4, 64), torch.rand(64)
    y, _ = F.indrnn(x.to("cuda:1"), u.to("cuda:1"))
    assert y.device == torch.device("cuda:1") and torch.equal(y.cpu(), F.indrnn(x, u)[0])
