"""Tensors into CuPy."""

from typing import Any

import torch


def to_cupy(tensor: torch.Tensor) -> Any:
    """The tensor's memory as a CuPy array, by DLPack and without a copy.

    Call it under the device and stream of the launch: DLPack orders the two libraries' streams by CuPy's current one.
    """
    import cupy  # creates a cache folder when it is imported, hence only when it is needed

    tensor = tensor.detach()  # DLPack refuses tensors that require gradients
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)  # CuPy knows no bfloat16; a kernel sees the address alone
    return cupy.from_dlpack(tensor)
