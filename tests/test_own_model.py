"""A task trained with a recurrence of a user's own: the run keeps its text."""

import re
from pathlib import Path

import pytest
import torch
from idx_files import good_files, write

from tasks.sequential_mnist import evaluate, train

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "kernels.md").read_text()
LEAKY = re.findall(r"```cpp file=leaky.cu\n(.*?)```", PAGE, flags=re.S)[0]
SMALL = ["--hidden-size=8", "--num-layers=2", "--batch-size=8", "--evaluate-every=2", "--threads=2"]


def weights(folder):
    return torch.load(folder / "last.pt", weights_only=True)["model"]


def test_a_run_goes_on_after_its_file_has_changed(tmp_path, capsys):
    data, file = str(write(tmp_path / "data", good_files())), tmp_path / "leaky.cu"
    file.write_text(LEAKY)
    options = [*SMALL, f"--model={file}", f"--data-dir={data}", f"--runs={tmp_path}"]
    train.main([*options, "--steps=4", "--name=whole"])
    file.write_text("nothing")
    evaluate.main(["--checkpoint", str(tmp_path / "whole" / "best.pt")])
    assert "accuracy" in capsys.readouterr().out
    before = weights(tmp_path / "whole")
    assert any(name.endswith("rate") for name in before)
    train.main(["--resume", str(tmp_path / "whole")])
    assert all(torch.equal(w, before[name]) for name, w in weights(tmp_path / "whole").items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"cell\.cu is not there|cell\.cu.*no such file|No such file"),
        ("INLINE auto f(Input auto x) { return x; }", "f has no State"),
        (LEAKY.replace("candidate - h", "candidat - h"), "does not compile with .*, line 6: .*candidat"),
        ('#include "mine.cuh"\n' + LEAKY, "includes mine.cuh, expected headers of the package only"),
    ],
)
def test_files_that_cannot_serve_are_said_in_one_line(text, message, tmp_path, capsys):
    if text is not None:
        (tmp_path / "cell.cu").write_text(text)
    with pytest.raises(SystemExit) as error:
        train.main([*SMALL, f"--model={tmp_path / 'cell.cu'}"])
    said = capsys.readouterr().err
    assert error.value.code == 2 and re.search(message, said) and len(said.strip().splitlines()) == 1
