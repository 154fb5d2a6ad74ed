"""The kernels as PyTorch ops with gradients. Private: `functional` checks what comes in and documents it."""
