"""The documentation is built without warnings and has every public name; the examples run."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import indrnn_cupy

ROOT = Path(__file__).resolve().parents[1]


def test_documentation(tmp_path):
    cache, site = tmp_path / "cache", tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", cache, ROOT / "docs", site]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, compressed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    entries = {line.split()[0] for line in zlib.decompress(compressed).decode().splitlines()}
    public = {f"indrnn_cupy.{name}" for name in indrnn_cupy.__all__} - {
        "indrnn_cupy.functional",
        "indrnn_cupy.reference",
    }
    public |= {f"indrnn_cupy.functional.{name}" for name in indrnn_cupy.functional.__all__}
    assert public <= entries, public - entries


SAID = {
    "padded_classifier": r"accuracy (0\.9\d|1\.0)\d*",
    "character_model": r"loss 0\.\d+\nthe quick brown fox jumps over the lazy dog\.",
    "own_recurrence": r"equal to the loop; the gradient is right\nloss 0\.0\d+",
}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples(path):
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True)
    assert re.fullmatch(SAID[path.stem], done.stdout.strip()), done.stdout + done.stderr
