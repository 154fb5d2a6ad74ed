"""What the README and the documentation show is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)```", path.read_text(), flags=re.S | re.M)


PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler itself
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_every_block_runs_by_itself(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in blocks(page, "python"):
        exec(code, {})


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 160


def test_shapes_of_the_first_block(capsys):
    exec(blocks(README, "python")[0], {})
    assert capsys.readouterr().out == "torch.Size([784, 32, 256]) torch.Size([784, 32, 64])\n"


def test_a_row_of_a_padded_batch_is_as_the_row_alone():
    (code,) = (b for b in blocks(ROOT / "docs" / "networks.md", "python") if "last_step(" in b)
    exec(code, names := {})
    deep, x, lengths = names["deep"].eval(), names["x"], names["lengths"]
    logits = names["classifier"](names["last_step"](deep(x, lengths=lengths)[0], lengths))
    for row in (0, 9):
        alone = names["classifier"](deep(x[: lengths[row], row])[0][-1])
        torch.testing.assert_close(logits[row], alone)


def editing(containing: str) -> str:
    (found,) = (b for b in blocks(ROOT / "docs" / "editing.md", "sh") if containing in b)
    return found


def test_editing_a_kernel(tmp_path):
    (tmp_path / "kernels").symlink_to(ROOT / "kernels")
    python = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    commands = "set -e\n" + editing("mkdir my_kernels")
    done = subprocess.run(["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)
    page = (ROOT / "docs" / "editing.md").read_text()
    assert done.stdout.strip() and f"prints `{done.stdout.strip()}`" in page, done.stderr


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            path
            for page in PAGES
            for path in re.findall(
                r"`((?:kernels|indrnn_cupy|tasks|benchmarks|tests|results)/[\w/.]*)`", page.read_text()
            )
        }
    ),
)
def test_named_paths_exist(path):
    assert (ROOT / path).exists()


def test_links_to_files_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_of_a_module_is_there():
    modules = {module for page in PAGES for module in re.findall(r"python -m ([\w.]+)", page.read_text())}
    assert {"indrnn_cupy", "benchmarks.indrnn", "tasks.sequential_mnist.train"} <= modules
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_check_of_edited_kernels(tmp_path):
    """The page's leaky ReLU, substituted for every activation, passes the check."""
    (tmp_path / "kernels").symlink_to(ROOT / "kernels")
    make = editing("mkdir my_kernels").split("INDRNN_CUPY_KERNELS")[0]
    subprocess.run(["bash", "-c", "set -e\n" + make], cwd=tmp_path, check=True)
    command = editing("INDRNN_CUPY_KERNELS=my_kernels python -m").replace("python", sys.executable)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("Nothing wrong was found.\n"), done.stdout + done.stderr
