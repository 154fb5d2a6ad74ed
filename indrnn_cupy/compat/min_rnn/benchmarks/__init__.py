"""Where CUDA_RNN has its benchmark."""
