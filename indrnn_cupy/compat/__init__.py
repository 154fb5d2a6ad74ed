"""The interfaces of earlier projects, with this package's kernels.

Only the import line changes::

    from cuda_IndRNN_onlyrecurrent import IndRNN_onlyrecurrent     indrnn_cupy.compat.cuda_IndRNN_onlyrecurrent
    from IndRNN_onlyrecurrent import IndRNN_onlyrecurrent          indrnn_cupy.compat.IndRNN_onlyrecurrent
    checkpoints of IndRNN_pytorch's whole networks                 indrnn_cupy.compat.indrnn_pytorch.load_network
    from torch_irevrnn import IRevRNN, IRevRNN_CUDA                indrnn_cupy.compat.torch_irevrnn
    from min_rnn.min_gru import MinGRUCell                         indrnn_cupy.compat.min_rnn.min_gru
    import evnn_pytorch as evnn                                    indrnn_cupy.compat.evnn_pytorch
    from minGRU_pytorch import minGRU                              indrnn_cupy.compat.minGRU_pytorch
"""
