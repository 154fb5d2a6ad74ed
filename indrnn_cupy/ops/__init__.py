"""The kernels as PyTorch ops with gradients. Private: `functional` checks the arguments and documents them."""
