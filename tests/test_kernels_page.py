"""docs/kernels.md, followed to the letter in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "kernels.md").read_text()


def follow(folder: Path, old: str = "", new: str = "") -> subprocess.CompletedProcess:
    """Writes the page's files, one text in them replaced, and runs its command."""
    files = re.findall(r"```\w+ file=([\w.]+)\n(.*?)```", PAGE, flags=re.S)
    assert [name for name, _ in files] == ["leaky.cu", "leaky.py", "check.py"]
    for name, text in files:
        (folder / name).write_text(text.replace(old, new) if old else text)
    (command,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.S)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


def test_a_new_recurrence(tmp_path):
    done = follow(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "in 2 launches" in done.stdout and done.stdout.count("registers") == 6


def test_a_wrong_gradient_is_found(tmp_path):
    done = follow(tmp_path, "(1 - a[i]) * grad)", "a[i] * grad)")
    assert done.returncode and "Jacobian mismatch" in done.stderr
