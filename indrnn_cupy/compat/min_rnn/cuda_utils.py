"""Whether there is a GPU, by the name that CUDA_RNN has for it."""

import torch

CUDA_AVAILABLE = torch.cuda.is_available()
