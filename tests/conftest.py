"""Settings of every test: a compile cache of its own, quiet threads, and memory that is NaN until it is written."""

import os
import re
import tempfile

os.environ["OMP_WAIT_POLICY"] = "passive"  # waiting threads must not spin on a shared machine
if "PYTEST_XDIST_WORKER" not in os.environ:  # whose cache is that of the process which began it
    _cache = tempfile.TemporaryDirectory()
    os.environ["INDRNN_CUPY_CACHE_DIR"] = os.path.join(_cache.name, "kernels")
os.environ.pop("INDRNN_CUPY_KERNELS", None)

from contextlib import nullcontext

import pytest
import torch

torch.set_num_threads(2)
with torch.device("cpu"):  # torch notes at the first use which functions make tensors: before they are replaced below
    torch.empty(0)


@pytest.fixture(autouse=True)
def poisoned_memory(monkeypatch):
    """Fresh tensors hold NaN, so that an element which a kernel forgets to write fails its test."""

    def poisoned(allocate):
        def allocate_and_fill(*args, **kwargs):
            tensor = allocate(*args, **kwargs)
            return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor

        return allocate_and_fill

    monkeypatch.setattr(torch, "empty_like", poisoned(torch.empty_like))
    monkeypatch.setattr(torch, "empty", poisoned(torch.empty))
    monkeypatch.setattr(torch.Tensor, "new_empty", poisoned(torch.Tensor.new_empty))


@pytest.fixture(autouse=True)
def begin_alike():
    """Whatever the test before has drawn or set: a task sets the number of threads."""
    torch.manual_seed(0)
    torch.set_num_threads(2)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Where the tensors of a test are made: tests that use this run on a GPU too, where there is one."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    with torch.device("cuda") if request.param == "cuda" else nullcontext():
        yield request.param


# Of the rows of these recurrences the tests below run by default, where the pattern is in their name; the rest is slow.
LATER = {"sru", "qrnn", "indylstm", "indygru", "unicornn", "rglru", "hgrn", "hgrn_complex", "lru", "lif"}
OF_LATER = {
    "test_matches_reference": r"\(20, 33, 130\)-torch\.float32",
    "test_lengths_resets_and_direction": r"[sl]ru-tanh-torch\.float64",
    "test_gradcheck": "True-h0",
    "test_nan_and_infinity_come_through": "",
    "test_gradients_by_hand_are_the_derived_ones": "",
}


def pytest_collection_modifyitems(items):
    for item in items:
        recurrence = getattr(getattr(item, "callspec", None), "params", {}).get("recurrence")
        if getattr(recurrence, "name", "") in LATER:
            pattern = OF_LATER.get(item.originalname)
            if pattern is None or not re.search(pattern, item.name):
                item.add_marker(pytest.mark.slow)
