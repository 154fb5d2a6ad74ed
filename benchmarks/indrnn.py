"""IndRNN on a CPU: the kernels against a copy of the same bytes, the op against a loop of PyTorch operations.

OMP_WAIT_POLICY=passive MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296 python -m benchmarks.indrnn

The two settings of malloc let freed memory be used again, for all that is timed alike. Without them the kernel of the
operating system clears new pages for every large tensor, which takes longer than the recurrence.
"""

import torch
from torch import Tensor

from indrnn_cupy import functional as F
from indrnn_cupy.ops import indrnn
from indrnn_cupy.ops.recurrence import Steps, launch

from .timing import medians


def line(name: str, seconds: float, unit_seconds: float, unit: str) -> None:
    print(f"  {name:<30}{1e3 * seconds:9.2f} ms {seconds / unit_seconds:8.2f} {unit}")


def loop(x: Tensor, u: Tensor) -> Tensor:
    """What one would write without a kernel; `unbind` spares the quadratic backward of x[t]."""
    h = torch.zeros_like(x[0])
    states = []
    for x_t in x.unbind(0):
        h = torch.relu(torch.addcmul(x_t, u, h))
        states.append(h)
    return torch.stack(states)


def against_copy(T: int, B: int, H: int, repeats: int) -> None:
    """The kernels alone, into memory that is there already, as `copy_` has it."""
    x, y, grad_y, grad_x = (torch.randn(T, B, H) for _ in range(4))
    u, h0, h_n, rows, grad_h0 = torch.rand(H), *torch.zeros(4, B, H).unbind()
    relu, steps = ("ACTIVATION=Relu",), Steps(None, None, False)
    forward = (x, u, h0, y, h_n), (x, y)
    backward = (grad_y, h_n, y, u, h0, grad_x, rows, grad_h0), (grad_y, y, grad_x)
    seconds = medians(
        {
            "copy_": lambda: grad_x.copy_(x),
            "forward": lambda: launch(indrnn.FORWARD, relu, steps, *forward),
            "backward": lambda: launch(indrnn.BACKWARD, relu, steps, *backward),
            "clone": x.clone,
            "F.indrnn": lambda: F.indrnn(x, u),
        },
        repeats,
    )
    print(f"\n({T}, {B}, {H}) float32, {x.numel() * 4 / 1e6:.0f} MB a tensor")
    line("copy_", seconds["copy_"], seconds["copy_"], "copies")
    line("forward kernel, 2 streams", seconds["forward"], seconds["copy_"], "copies")
    line("backward kernel, 3 streams", seconds["backward"], seconds["copy_"], "copies")
    line("clone, into fresh memory", seconds["clone"], seconds["clone"], "clones")
    line("F.indrnn, into fresh memory", seconds["F.indrnn"], seconds["clone"], "clones")


def against_loop(T: int, B: int, H: int, repeats: int) -> None:
    """Forward and backward of the whole op against the loop."""
    x, u, gradient = torch.randn(T, B, H).requires_grad_(), torch.rand(H).requires_grad_(), torch.randn(T, B, H)

    def both(y: Tensor) -> None:
        torch.autograd.grad(y, (x, u), gradient)

    seconds = medians({"op": lambda: both(F.indrnn(x, u)[0]), "loop": lambda: both(loop(x, u))}, repeats)
    print(f"\n({T}, {B}, {H}) float32, forward and backward")
    line("F.indrnn", seconds["op"], seconds["op"], "ops")
    line("loop over unbind(x)", seconds["loop"], seconds["op"], "ops")


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    against_copy(784, 128, 512, repeats=9)
    against_copy(784, 32, 128, repeats=41)
    against_loop(784, 32, 128, repeats=21)
