"""Checkpoints of numbers, text and tensors only, used after all names, types and shapes have been checked."""

import math
import pickle
import reprlib
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from indrnn_cupy.layers.norm import rename_norms_

from .config import Config, TaskError, first_line
from .files import opened

CHANGING = {"state", "param_groups", "lr", "betas", "step", "exp_avg", "exp_avg_sq", "last_epoch", "scale"}
# Required entries; all others of an optimizer or a schedule are settings, which differ between versions of PyTorch.


def read(path: Path, task: str) -> dict[str, Any]:
    """Reads a checkpoint of a run of this task."""
    checkpoint = read_any(path)
    if checkpoint["task"] != task:
        raise TaskError(f"{path} is a checkpoint of the task {shown(checkpoint['task'])}, expected {task!r}")
    return checkpoint


def read_any(path: Path) -> dict[str, Any]:
    """Reads a checkpoint of a run of any task. Nothing in the file is executed."""
    with opened(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unusual tensors, which are rejected below
        try:
            with zipfile.ZipFile(file) as archive:
                if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                    raise TaskError("it is compressed, unlike files from torch.save")
                if damaged := archive.testzip():  # torch does not compare the checksums
                    raise TaskError(f"{damaged} has a wrong checksum")
            file.seek(0)
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:  # its message recommends weights_only=False
            raise TaskError(f"{path} is not a checkpoint of tensors only: it contains other objects") from None
        except Exception as error:  # a damaged file can raise any exception
            raise TaskError(f"{path} is damaged, or not a checkpoint of tensors only: {first_line(error)}") from None
    if not isinstance(checkpoint, dict) or not {"task", "config", "model"} <= checkpoint.keys():
        raise TaskError(f"{path} is not a checkpoint of these tasks")
    return checkpoint


def restore(config_class: type[Config], path: Path, saved: Any) -> Config:
    """Returns the settings stored in a checkpoint; settings newer than the checkpoint have their defaults."""
    hints = get_type_hints(config_class)
    check_types(path, "config", saved, {field.name: hints[field.name] for field in fields(config_class)}, newer=True)
    return config_class(**saved)


def check_types(path: Path, name: str, found: Any, types: Mapping[str, Any], newer: bool = False) -> None:
    """Raises TaskError unless `found` is a dict with entries of these types; with `newer`, some may be missing."""
    if not isinstance(found, dict):
        raise TaskError(f"{path} cannot be used: its {name} is {shown(found)}, expected a dict")
    if unknown := found.keys() - types.keys():
        odd = ", ".join(sorted(map(str, unknown)))
        raise TaskError(f"{path} is from another version of this task: its {name} has unknown entries: {odd}")
    for key, kind in types.items():
        if key not in found and not newer:
            raise TaskError(f"{path} cannot be used: its {name} lacks {key}")
        if key in found and not has_type(found[key], kind):
            words = kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")
            raise TaskError(f"{path} cannot be used: its {name}.{key} is {shown(found[key])}, expected {words}")


def has_type(value: Any, kind: Any) -> bool:
    """Returns whether a value has the type of a hint. A float may be given as an int, and must not be NaN."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(has_type(value, one) for one in arguments)
    if origin is Literal:
        return type(value) is str and value in arguments
    if origin is list:
        return type(value) is list and all(has_type(one, arguments[0]) for one in value)
    if origin is dict:
        key, content = arguments
        return type(value) is dict and all(has_type(k, key) and has_type(v, content) for k, v in value.items())
    if kind is float:
        return type(value) in (int, float) and not math.isnan(value)
    return type(value) is (origin or kind)


def check_like(path: Path, name: str, found: Any, expected: Any, strict: bool = True) -> None:
    """Raises TaskError unless a part of a checkpoint has the expected types, lengths and shapes, and no NaN."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key in found:
                check_like(path, f"{name}.{key}", found[key], value, strict)
            elif strict or key in CHANGING:
                raise TaskError(f"{path} does not fit: it lacks {name}.{key}")
        if strict and (unknown := [key for key in found if key not in expected]):
            raise TaskError(f"{path} does not fit: it has the unexpected entry {name}.{unknown[0]}")
    elif isinstance(expected, (list, tuple)) and type(found) is type(expected) and len(found) == len(expected):
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            check_like(path, f"{name}.{number}", one, other, strict)
    elif isinstance(expected, Tensor) and isinstance(found, Tensor) and shown(found) == shown(expected):
        if found.isnan().any():
            raise TaskError(f"{path} cannot be used: its {name} contains NaN")
    elif isinstance(expected, (dict, list, tuple, Tensor)) or not has_type(found, type(expected)):
        words = type(expected).__name__ if isinstance(expected, (bool, int, float, str)) else shown(expected)
        raise TaskError(f"{path} does not fit: its {name} is {shown(found)}, expected {words}")


def shown(value: Any) -> str:
    """Describes a value in a few words, on one line."""
    if isinstance(value, Tensor):
        unusual = ["nested"] * value.is_nested + ["meta"] * value.is_meta
        unusual += [str(value.layout)] * (value.layout is not torch.strided)
        words = " ".join(["a", *unusual, f"tensor of {value.dtype}"]).replace("torch.", "")
        return words if value.is_nested else f"{words} of shape {tuple(value.shape)}"
    if isinstance(value, (dict, list, tuple)):
        kind = "dict" if isinstance(value, dict) else type(value).__name__
        return f"a {kind} of length {len(value)}"
    return f"{' '.join(reprlib.repr(value).split())} ({type(value).__name__})"


def load(path: Path, parts: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Loads a checkpoint into a model, an optimizer, ...: into all of them, or none if a check fails."""
    fresh = {name: part.state_dict() for name, part in parts.items()}
    if isinstance(saved["model"], dict):
        rename_norms_(parts["model"], saved["model"])
    for name in parts:
        check_like(path, name, saved[name], fresh[name], strict=name == "model")
    for name, part in parts.items():
        for key in saved[name].keys() - fresh[name].keys():  # a schedule would set any key as an attribute
            del saved[name][key]
        try:
            part.load_state_dict(saved[name])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise TaskError(f"{path} does not fit: its {name} cannot be loaded: {first_line(error)}") from None
