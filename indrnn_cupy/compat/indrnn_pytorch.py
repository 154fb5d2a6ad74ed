"""Whole networks of github.com/Sunnydreamrain/IndRNN_pytorch, from their checkpoints."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor, nn

from .. import layers

Network: TypeAlias = layers.PlainNetwork | layers.ResidualNetwork | layers.DenseNetwork
Weights: TypeAlias = Mapping[str, Tensor]
Found: TypeAlias = tuple[Callable[..., Network], dict[str, str]]  # creates the network, and where its parts go

PARTS = {  # of every network of IndRNN_pytorch
    r"(DIs\.\d+|fc\d?)\.fc\.": r"\1.",
    r"BNs\.(\d+)\.bn\.": r"RNNs.\1.norm.batch_norm.",
    r"norm1\.bn\.": "norm.batch_norm.",
    r"(indrnn1\.)?(cells\.0\.|indrnn_cell\.)?weight_hh$": "recurrence.weight",
    r"^lastfc\.": "classifier.",
}


def load_network(weights: Weights, *, norm_first: bool = False, **options: Any) -> tuple[Network, nn.Linear]:
    """Creates the network and the classifier of a checkpoint; `classifier(network(x)[0][-1])` returns its logits.

    Args:
        weights: the state dict of a plain network (`stackedIndRNN_encoder`, of either version), a `ResidualNet` or a
            `DenseNet`, with or without `--time_diff` and `--add_last_layer`.
        norm_first: the network was trained with `--bn_location bn_before`, which a state dict does not record.
        options: options of :class:`PlainNetwork`, :class:`ResidualNetwork` or :class:`DenseNetwork` that it does not
            record either, such as `dropout` and `bound`.

    x is `(T, B, input_size)`. The sizes and the dtype of the network are those of the weights.

    Raises ValueError for any other state dict, and for that of a network with a norm for each step.
    """
    if not isinstance(weights, Mapping) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise TypeError(f"the weights are a {type(weights).__name__}, expected a state dict: names and tensors")
    weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}  # of DataParallel
    weights = {_part(name): tensor for name, tensor in weights.items() if name.rpartition(".")[2] != "h0"}
    kinds = {"DIs.0.weight": _plain, "features.resblock1.fc1.weight": _residual, "features.fc0.weight": _dense}
    kind = next((kind for name, kind in kinds.items() if name in weights), None)
    if kind is None or "classifier.weight" not in weights:
        names = ", ".join([*weights][:4]) + ", ..." * (len(weights) > 4) or "none"
        raise ValueError(f"the weights are {names}; expected those of a whole network of IndRNN_pytorch")
    try:
        make, places = kind(weights)
        network = make(norm_first=norm_first, **options)
    except (KeyError, IndexError) as error:
        raise ValueError(f"the checkpoint lacks {error}") from None
    classes, width = weights["classifier.weight"].shape
    whole = nn.ModuleDict({"network": network, "classifier": nn.Linear(width, classes)})
    whole.to(weights["classifier.weight"].dtype)
    counts = {name: tensor for name, tensor in whole.state_dict().items() if name.endswith("num_batches_tracked")}
    try:
        whole.load_state_dict(counts | {_place(name, places): tensor for name, tensor in weights.items()})
    except RuntimeError as error:
        raise ValueError(f"the checkpoint does not match a network of its sizes: {error}") from None
    return network, whole["classifier"]  # type: ignore[return-value]


def _part(name: str) -> str:
    """The name of a tensor, with its last part renamed as in this package."""
    if ".bns." in name:
        raise ValueError(f"{name} belongs to a norm with statistics for each step; such networks cannot be loaded")
    for pattern, ours in PARTS.items():
        name = re.sub(pattern, ours, name)
    return name


def _place(name: str, places: dict[str, str]) -> str:
    """The name of a tensor in this package's network."""
    ours = (f"network.{to}{name.removeprefix(part)}" for part, to in places.items() if name.startswith(part))
    return next(ours, name)


def _count(weights: Weights, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in weights)


def _plain(weights: Weights) -> Found:
    num_layers = _count(weights, r"DIs\.\d+\.weight")
    hidden_size, input_size = weights["DIs.0.weight"].shape
    places = {}
    for number in range(num_layers):
        places[f"DIs.{number}."] = f"layers.{number}.projection."
        places[f"RNNs.{number}."] = f"layers.{number}.block."
    return partial(layers.PlainNetwork, input_size, hidden_size, num_layers), places


def _residual(weights: Weights) -> Found:
    num_blocks = _count(weights, r"features\.resblock\d+\.fc1\.weight")
    hidden_size, input_size = weights["features.fc0.weight"].shape
    places = {"features.fc0.": "first.", "features.IndRNNwithBN_last.": "last."}
    for number in range(2 * num_blocks):
        block, half = f"features.resblock{number // 2 + 1}.", number % 2 + 1
        places[f"{block}IndRNNwithBN{half}."] = f"blocks.{number}."
        places[f"{block}fc{half}."] = f"projections.{number}."
    return partial(layers.ResidualNetwork, input_size, hidden_size, num_blocks), places


def _dense(weights: Weights) -> Found:
    places: dict[str, str] = {}
    number = 0

    def layer(theirs: str, fc: str, norm: str, ours: str = "") -> None:
        places[f"features.{theirs}{fc}."] = f"layers.{number}.{ours}projection."
        places[f"features.{theirs}{norm}."] = f"layers.{number}.{ours}block."

    layer("", "fc0", "IndRNNwithBN0")
    block_config: list[int] = []
    while count := _count(weights, rf"features\.denseblock{len(block_config) + 1}\.denselayer\d+\.fc1\.weight"):
        block_config.append(count)
        for index in range(1, count + 1):
            number += 1
            dense = f"denseblock{len(block_config)}.denselayer{index}."
            layer(dense, "fc1", "IndRNNwithBN1", "bottleneck.")
            layer(dense, "fc2", "IndRNNwithBN2", "growth.")
        number += 1
        layer(f"transition{len(block_config)}.", "fc", "IndRNNwithBN")
    layer("lastlayer.", "fc", "IndRNNwithBN")
    first_size, input_size = weights["features.fc0.weight"].shape
    growth_rate = len(weights["features.denseblock1.denselayer1.fc2.weight"])
    differences = weights["features.denseblock1.denselayer1.fc1.weight"].shape[1] == 2 * first_size
    make = partial(
        layers.DenseNetwork,
        input_size // 2 if differences else input_size,
        growth_rate,
        block_config,
        first_size // growth_rate,
        differences="from_zero" if differences else False,
        last_transition="features.lastlayer.fc.weight" in weights,
    )
    return make, places
