"""The package of CUDA_RNN's benchmark."""
