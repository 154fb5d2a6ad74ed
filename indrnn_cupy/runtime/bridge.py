"""Tensors and streams of torch as CuPy takes them."""

from typing import Any

import torch

_VIEWS = {torch.bfloat16: torch.int16}  # CuPy knows no bfloat16; a kernel sees the address alone


class Stream:
    """A stream of torch by the CUDA stream protocol, which torch.cuda.Stream itself has only since torch 2.10."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self.stream = stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.stream.cuda_stream


class Exported:
    """A tensor for the kernels of torch's current stream: nothing has to wait, whatever stream the consumer names."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **_: Any) -> Any:
        return self.tensor.__dlpack__(stream=-1)  # no synchronization

    def __dlpack_device__(self) -> Any:
        return self.tensor.__dlpack_device__()


def to_cupy(tensor: torch.Tensor | None) -> Any:
    """The tensor's memory as a CuPy array, by DLPack and without a copy; None stays None, a null pointer.

    The current device must be that of the tensor.
    """
    import cupy  # creates a cache folder when it is imported, hence only when it is needed

    if tensor is None:
        return None
    tensor = tensor.detach()  # DLPack refuses tensors that require gradients
    return cupy.from_dlpack(Exported(tensor.view(_VIEWS.get(tensor.dtype, tensor.dtype))))
