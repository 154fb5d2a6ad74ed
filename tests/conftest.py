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


# Of these tests the cases with the pattern in their name run by default; the rest is slow.
BY_DEFAULT = {
    "test_kernels_are_clean_and_give_the_same_bits": r"CPU-memory-torch\.float32|(indrnn|egru).*GPU-th|linear.*chunks",
    "test_compiles_as_one_graph": r"aot_eager|indrnn-relu",
    "test_compiles_once_for_all_sizes": r"IRevRNN|EGRU|dense",
    "test_no_spills_of_other_types": r"indrnn|minlstm",
    "test_no_spills_with_resets_and_in_chunks": r"indrnn|minlstm",
    "test_only_what_can_be_summed_up_is_cut_in_forward": r"indrnn-(relu|tanh)|mingru-g|linear|sru-False|lif-True",
    "test_gated_recurrences_differ_by_their_rounding_alone": r"mingru-g|linear",
    "test_16_bit_sequences_beside_float32_parameters": r"relu|minlstm-g|linear|egru",
    "test_every_compiler_gives_the_same_bits": r"indrnn-relu",
    "test_kernels_compile_for_macos": r"mingru-g",
    "test_wrong_cxx_is_an_error": r"no-such|false|'g",
    "test_any_name_of_a_folder": r"new|quo",
    "test_the_lanes_of_a_step_are_one_simd_loop": r"indrnn-relu|mingru-g|minlstm-g|irevrnn-relu|sru-tanh|lif-True",
    "test_a_projection_s_bias_is_added_in_the_block": r"training|minlstm-lengths|indrnn-evaluated",
    "test_16_bit_outputs_are_the_float32_ones_rounded_once": r"relu|minlstm-identity|linear",
    "test_layers_and_networks": r"leaky|lstm|lif",
    "test_values_and_gradients_are_those_of_a_loop": r"float64|leaky|min|\[\d+\]",
    "test_jvp": r"relu|mingru-g|minlstm-identity|linear",
    "test_outputs_that_leave_the_cache": r"relu|mingru-g|minlstm-identity|linear|egru",
    "test_gradients_of_two_parts_equal_those_of_one_run": r"EGRU|IRevRNN|LIF|MinLSTM",
    "test_equals_the_modules_in_other_modes": r"evaluated|output-recompute",
}
# Of the rows of the recurrences that came later, cases of these tests alone.
LATER = {"sru", "qrnn", "indylstm", "indygru", "unicornn", "rglru", "hgrn", "hgrn_complex", "lru", "lif"}
OF_LATER = {
    "test_matches_reference": r"\(20, 33, 130\)-torch\.float32",
    "test_lengths_resets_and_direction": r"[sl]ru-tanh-torch\.float64",
    "test_gradcheck": "True-h0",
    "test_nan_and_infinity_come_through": "",
    "test_gradients_by_hand_are_the_derived_ones": "",
    "test_only_what_can_be_summed_up_is_cut_in_forward": "",
}


def of_rare_type(recurrence, dtype):
    """A type of 16 bits goes by default through the first row of each recurrence, float16 through the very first."""
    from indrnn_cupy.check.recurrences import FIRST

    usual = {torch.bfloat16: FIRST, torch.float16: FIRST[:1]}.get(dtype)
    return usual is not None and recurrence not in usual


def pytest_collection_modifyitems(items):
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        recurrence = parameters.get("recurrence")
        patterns = [BY_DEFAULT.get(item.originalname, "")]
        if getattr(recurrence, "name", "") in LATER:
            patterns.append(OF_LATER.get(item.originalname, "no case"))
        rare = recurrence is not None and of_rare_type(recurrence, parameters.get("dtype"))
        if rare or not all(re.search(pattern, item.name) for pattern in patterns):
            item.add_marker(pytest.mark.slow)
