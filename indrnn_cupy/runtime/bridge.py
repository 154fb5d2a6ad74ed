"""Tensors into CuPy."""

from typing import Any

import torch

_VIEWS = {torch.bfloat16: torch.int16}  # CuPy knows no bfloat16; a kernel sees the address alone


def to_cupy(tensor: torch.Tensor | None) -> Any:
    """The tensor's memory as a CuPy array, by DLPack and without a copy; None stays None, a null pointer.

    Call it under the device and stream of the launch: DLPack orders the two libraries' streams by CuPy's current one.
    """
    import cupy  # creates a cache folder when it is imported, hence only when it is needed

    if tensor is None:
        return None
    tensor = tensor.detach()  # DLPack refuses tensors that require gradients
    return cupy.from_dlpack(tensor.view(_VIEWS.get(tensor.dtype, tensor.dtype)))
