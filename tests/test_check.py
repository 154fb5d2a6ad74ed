"""`python -m indrnn_cupy`: what it says, and its exit status for kernels that are and are not sound."""

import os
import subprocess
import sys

import pytest

from indrnn_cupy.runtime import source

LEFT = "Nothing wrong was found, but not everything was checked."
PAST = "const Sequence<const scalar*> past[] = {along(in[0].start + 1, in[0].stride_t, in[0].stride_b)}; "
PAST += "walk(tile, past,"


def run(*arguments, kernels=None):
    environment = {**os.environ, **({"INDRNN_CUPY_KERNELS": str(kernels)} if kernels else {})}
    command = [sys.executable, "-m", "indrnn_cupy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_says_what_the_machine_has():
    done = run()
    assert done.returncode == 0 and not done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(lines) == ["indrnn-cupy", "GPU", "CuPy", "CPU", "kernels", "compiled"]
    assert lines["kernels"] == str(source.KERNELS)
    assert os.environ["INDRNN_CUPY_CACHE_DIR"] in lines["compiled"]
    assert "NVRTC" in lines["CuPy"] and "g++" in lines["CPU"]


def rows_of(*arguments):
    """The table for sm_90, by kernel, of a check that finds no fault."""
    done = run("--check", "sm_90", *arguments)
    assert done.returncode == 0 and done.stdout.endswith("Nothing wrong was found.\n"), done.stdout + done.stderr
    return {line.split()[0]: line.split()[2:] for line in done.stdout.splitlines() if " sm_90 " in line}


@pytest.mark.slow
def test_the_package_s_kernels_are_sound():
    rows = rows_of("--only", "indrnn-relu")
    registers, spilled, loads, each, _ = rows["indrnn_forward"]
    assert spilled == "0" and int(loads) >= 32 and int(registers) < 256 and 8 <= float(each) < 8.1
    assert 12 <= float(rows["indrnn_backward"][3]) < 12.1
    assert rows.keys() >= {"indrnn_forward_summary", "indrnn_backward_summary", "chunk_starts"}


@pytest.mark.slow
def test_all_of_the_package_s_kernels_are_sound():
    rows = rows_of()
    assert len(rows) > 15
    assert 12 <= float(rows["mingru_forward"][3]) < 12.1 and 24 <= float(rows["mingru_backward"][3]) < 24.1


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            *(
                "activation.cuh",
                "y <= 0 ? real(0) : g;",
                "g;",
                "indrnn-relu: the gradient is not the derivative of the value",
            ),
            marks=pytest.mark.slow,
        ),
        ("activation.cuh", "y <= 0 ? real(0) : g;", "gg;", r"indrnn-relu and 4 more: "),
        ("cell_forward.cuh", "walk(tile, in,", PAST, "out of bounds: load of 4 bytes"),
    ],
)
def test_a_fault_in_an_edited_kernel_is_said(file, old, new, message, tmp_path):
    text = (source.KERNELS / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    everything = () if "and 4 more" in message else ("--only", "indrnn-relu")
    done = run("--check", "sm_90", *everything, kernels=tmp_path)
    assert done.returncode == 1 and done.stdout.endswith("Wrong.\n")
    assert message in done.stdout and f"{file} of {tmp_path}, else" in done.stdout


def test_what_a_recurrence_of_one_s_own_does_not_use_and_where_it_is_nan(tmp_path):
    text = "INLINE auto f(Input auto x, Weight auto u, Weight auto w, State auto h) { return log(x) + u * tanh(h); }"
    (tmp_path / "f.cu").write_text(f'#include "cell.cuh"\n{text}')
    done = run("--check", "sm_90", str(tmp_path / "f.cu"))
    assert done.returncode == 0 and done.stdout.endswith(LEFT + "\n"), done.stdout + done.stderr
    assert "not used     w\n" in done.stdout
    assert "not checked: f: the gradient, as inputs from N(0, 1) give NaN" in done.stdout


def test_an_unknown_recurrence_is_said():
    done = run("--check", "--only", "indrnn-rely")
    assert (
        done.returncode == 1
        and "no recurrence has a name that begins with 'indrnn-rely'; expected indrnn-relu" in done.stdout
    )


def test_an_unknown_architecture_is_said():
    done = run("--check", "sm_33", "--only", "indrnn-relu")
    assert done.returncode == 1 and "sm_33: not supported by this NVRTC, which supports sm_50" in done.stdout


def test_without_cupy_a_named_architecture_is_not_passed(tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('no CuPy here')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    for arguments, status, last in (((), 0, LEFT), (("sm_90",), 1, LEFT)):
        command = [sys.executable, "-m", "indrnn_cupy", "--only", "indrnn-relu", "--check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (status, last), done.stderr
        assert "not checked: the GPU build: needs CuPy with NVRTC" in done.stdout


def test_a_folder_without_kernels_is_said(tmp_path):
    done = run(kernels=tmp_path / "missing")
    assert done.returncode == 2 and "error: no .cu or .cuh file in the kernel folder" in done.stderr


def test_freed_memory_is_used_again():
    code = """
import resource, torch, indrnn_cupy
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
assert indrnn_cupy.reuse_freed_memory()
torch.empty(30_000_000).zero_()
before = faults()
torch.empty(29_000_000).zero_()  # smaller: an aligned block of the same size may not fit where one was
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000  # of 28,000 pages
