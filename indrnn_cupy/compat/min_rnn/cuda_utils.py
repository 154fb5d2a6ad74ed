"""Whether there is a GPU, under CUDA_RNN's name for it."""

import torch

CUDA_AVAILABLE = torch.cuda.is_available()
