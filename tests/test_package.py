"""The wheel and the source archive carry the kernels, and an installed package finds them."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from setuptools import build_meta as b; o = sys.argv[1]; b.build_wheel(o); b.build_sdist(o)"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the source archive, built from a copy of the tracked folders."""
    tree, output = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in ("indrnn_cupy", "kernels"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, output], cwd=tree, check=True, capture_output=True)
    return output


def test_archives_carry_every_module_and_kernel(built):
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "indrnn_cupy").rglob("*.py")}
    kernels = {p.name for p in (ROOT / "kernels").iterdir()}
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert {Path(n).name for n in archive.namelist() if n.startswith("indrnn_cupy/kernels/")} == kernels
        assert {n for n in archive.namelist() if n.endswith(".py")} == modules
        assert "indrnn_cupy/py.typed" in archive.namelist()
    with tarfile.open(sdist) as archive:
        assert {Path(n).name for n in archive.getnames() if "/kernels/" in n} == kernels
        assert {
            n.partition("/")[2] for n in archive.getnames() if "/indrnn_cupy/" in n and n.endswith(".py")
        } == modules


def test_installed_package_runs_from_another_folder(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import torch, indrnn_cupy; from indrnn_cupy.runtime import source; print(source.KERNELS); "
    code += "print(indrnn_cupy.functional.indrnn(torch.ones(3, 1, 1), torch.ones(1))[1].item())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [str(tmp_path / "site" / "indrnn_cupy" / "kernels"), "3.0"], done.stderr


USER = """
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from typing_extensions import assert_type

from indrnn_cupy import EGRU, IndRNN, IndRNNRecurrence, IndyLSTM, PlainNetwork
from indrnn_cupy import functional as F

x = torch.randn(5, 2, 3)
assert_type(IndRNN(3, 4)(x), tuple[Tensor, Tensor])
assert_type(IndyLSTM(3, 4)(x), tuple[Tensor, tuple[Tensor, Tensor]])
assert_type(IndRNN(3, 4)(pack_padded_sequence(x, torch.tensor([5, 3]))), tuple[PackedSequence, Tensor])
assert_type(PlainNetwork(3, 4, 2)(x), tuple[Tensor, tuple[Any, ...]])
assert_type(IndRNNRecurrence(3)(x), tuple[Tensor, Tensor])
assert_type(EGRU(3, 4)(x)[0], Tensor)
assert_type(F.indrnn(x, torch.rand(3)), tuple[Tensor, Tensor])
IndRNN(3, 4)(x, lengths=[5, 3])
"""


def test_a_type_checker_reads_the_installed_package(built, tmp_path):
    """In an environment that has the wheel, and torch from the one of the tests."""
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", system_site_packages=False, with_pip=False)
    (site,) = (tmp_path / "env" / "lib").glob("python3*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "torch.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "user.py").write_text(USER)
    mypy = [sys.executable, "-m", "mypy", "--python-executable", tmp_path / "env" / "bin" / "python", "user.py"]
    said = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "list[int]" in said and "Found 1 error" in said, said
