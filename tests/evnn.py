"""What EvNN computes, and a checkpoint of it, for the tests."""

import torch


def evnn(x, kernel, recurrent_kernel, bias, recurrent_bias, thr, y):
    """EvNN's equations, a step at a time."""
    h = trace = torch.zeros_like(y)
    outputs = []
    for x_t in x:
        a, q = x_t @ kernel + bias, y @ recurrent_kernel + recurrent_bias
        (a_z, a_r, a_g), (q_z, q_r, q_g) = a.chunk(3, -1), q.chunk(3, -1)
        z, g = torch.sigmoid(a_z + q_z), torch.tanh(a_g + torch.sigmoid(a_r + q_r) * q_g)
        v = z * h + (1 - z) * g
        o = (v > thr).to(v.dtype)
        y, h = o * v, v - o * thr
        trace = 0.9 * trace + 0.1 * y
        outputs.append((y, h, o, trace))
    return [torch.stack(s) for s in zip(*outputs, strict=True)]


def evnn_checkpoint(C, H):
    weights = {"kernel": torch.randn(C, 3 * H), "recurrent_kernel": torch.randn(H, 3 * H) / 4}
    weights |= {"bias": torch.randn(3 * H), "recurrent_bias": torch.randn(3 * H), "thr": torch.rand(H) / 2}
    others = {"dampening_factor": torch.tensor([0.5]), "pseudo_derivative_support": torch.tensor([2.0])}
    return {name: t.double() for name, t in (weights | others | {"_max_norm": torch.tensor([-1.0])}).items()}
