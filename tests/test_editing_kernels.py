"""Editing a kernel: what changes is compiled anew, what is wrong is said with file, line and name."""

import os
import subprocess
import sys

import pytest
import torch

from indrnn_cupy import functional as F
from indrnn_cupy import use_kernels
from indrnn_cupy.check.recurrences import RECURRENCES
from indrnn_cupy.runtime import compiler, source
from indrnn_cupy.runtime.errors import KernelCompileError, KernelSignatureError, KernelSourceError


@pytest.fixture
def overlay(tmp_path):
    """Puts an edited copy of a kernel file into a folder, and returns the folder."""

    def edit(name, old, new):
        text = (source.KERNELS / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        return tmp_path

    yield edit
    use_kernels(None)


def run():
    return F.indrnn(torch.tensor([[[1.0]], [[-2.0]]]), torch.tensor([0.5]))[0].flatten().tolist()


def run_egru():
    H = 2
    return F.egru(torch.ones(1, 1, 3 * H), torch.ones(H, 3 * H), torch.ones(3 * H), torch.ones(H))


LEAKY = ("return x <= 0 ? real(0) : x", "return x <= 0 ? real(0.25) * x : x")


def test_changed_arithmetic_acts_at_once_and_ends_with_the_context(overlay):
    assert run() == [1.0, 0.0]
    with use_kernels(overlay("activation.cuh", *LEAKY)):
        assert run() == [1.0, -0.375]
    assert run() == [1.0, 0.0]
    use_kernels(overlay("activation.cuh", *LEAKY))
    assert run() == [1.0, -0.375]


def test_changed_header_is_never_served_stale(overlay):
    use_kernels(overlay("activation.cuh", *LEAKY))
    assert run() == [1.0, -0.375]
    use_kernels(overlay("activation.cuh", LEAKY[0], LEAKY[1].replace("0.25", "0.5")))
    assert run() == [1.0, -0.75]


def test_overlay_of_the_environment_acts_in_the_next_process(overlay):
    code = "import torch; from indrnn_cupy import functional as F; "
    code += "print(F.indrnn(torch.tensor([[[1.0]], [[-2.0]]]), torch.tensor([0.5]))[0].flatten().tolist())"
    for folder, expected in ((None, "[1.0, 0.0]"), (overlay("activation.cuh", *LEAKY), "[1.0, -0.375]")):
        environment = {**os.environ, **({"INDRNN_CUPY_KERNELS": str(folder)} if folder else {})}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == expected


def test_syntax_error_names_file_and_line(overlay):
    text = (source.KERNELS / "indrnn.cu").read_text()
    line = 1 + text[: text.index("fma(u, h, x)")].count("\n")
    use_kernels(overlay("indrnn.cu", "fma(u, h, x)", "fma(u, hh, x)"))
    with pytest.raises(KernelCompileError, match=rf"indrnn\.cu:{line}:.*error"):
        run()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "real* __restrict__ recurrent,",
            "real* __restrict__ matrix,",
            r"lacks `const real\* recurrent`",
        ),
        (", long long gates_b)\n{", ")\n{", "it lacks `long long gates_b`"),
        ("long long gates_b)\n{", "long long gates_b, float leak)\n{", "nothing is passed for its `float leak`"),
        ("const real* __restrict__ threshold", "const double* __restrict__ threshold", r"`const real\* threshold`"),
        ("long long T, long long B,", "long long B, long long T,", "in another order"),
        ("egru_forward(", "egru_ahead(", "expected one `extern"),
    ],
)
def test_parameters_that_do_not_fit_are_named(overlay, old, new, message):
    use_kernels(overlay("egru.cu", old, new))
    with pytest.raises(KernelSignatureError, match=message):
        run_egru()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "u, State auto h) { r",
            "u, Weight auto v, State auto h) { r",
            r"Weight v, State h\), expected indrnn\(Input x, W",
        ),
        ("auto indrnn(", "auto leaky(", "indrnn_gradient is not the gradient of the cell"),
    ],
)
def test_a_recurrence_of_another_form_is_refused(overlay, old, new, message):
    use_kernels(overlay("indrnn.cu", old, new))
    with pytest.raises(KernelSignatureError, match=message):
        run()


def test_folders_that_cannot_serve_are_refused(tmp_path, monkeypatch):
    with pytest.raises(KernelSourceError, match=r"no \.cu or \.cuh file in"):
        use_kernels(tmp_path)
    with pytest.raises(KernelSourceError, match=r"no \.cu or \.cuh file in"):
        use_kernels(tmp_path / "missing")
    monkeypatch.setattr(source, "_overlay", tmp_path / "missing")
    with pytest.raises(KernelSourceError, match=r"no \.cu or \.cuh file in"):
        source.read("indrnn.cu")
    monkeypatch.setattr(source, "_overlay", None)
    with pytest.raises(KernelSourceError, match=r"no kernel file other\.cu"):
        source.read("other.cu")


def test_equivalent_declaration_is_taken(overlay):
    use_kernels(overlay("egru.cu", "const real* __restrict__ threshold", "real const *__restrict threshold"))
    run_egru()


def test_second_declaration_is_refused(overlay):
    text = (source.KERNELS / "egru.cu").read_text()
    begin = text.index('extern "C"')
    prototype = text[begin : text.index("{", begin)] + ";\n"
    use_kernels(overlay("egru.cu", '"events.cuh"\n', f'"events.cuh"\n#if 0\n{prototype}#endif\n'))
    with pytest.raises(KernelSignatureError, match="found 2"):
        run_egru()


def test_missing_header_is_named_with_file_and_line(overlay):
    use_kernels(overlay("indrnn.cu", '"cell.cuh"', '"sell.cuh"'))
    with pytest.raises(KernelCompileError, match=r"indrnn\.cu:3:.*sell\.cuh"):
        run()


def test_includes_are_those_of_a_compiler(overlay, tmp_path):
    (tmp_path / "three.cuh").write_text("COUNT + 1")
    first = '#include "tile.cuh"\n'
    extra = '/* not this:\n#include "nowhere.cuh"\n*/\n#define COUNT 1\nstatic_assert((\n#include "three.cuh"\n) + (\n'
    extra += '#include "./three.cuh"\n) == 4, "twice");\n'
    use_kernels(overlay("recurrence.cuh", first, first + extra))
    assert run() == [1.0, 0.0]
    (tmp_path / "three.cuh").write_text('#include "three.cuh"')
    use_kernels(tmp_path)
    with pytest.raises(KernelSourceError, match="includes itself"):
        run()


def test_thread_that_compiles_during_a_change_leaves_nothing_stale(overlay, monkeypatch):
    folder, original = overlay("activation.cuh", *LEAKY), compiler.run

    def run_and_change(*arguments):
        use_kernels(None)
        return original(*arguments)

    use_kernels(folder)
    monkeypatch.setattr(compiler, "run", run_and_change)
    run()
    assert run() == [1.0, 0.0]


def test_every_pointer_of_every_kernel_is_restrict():
    for path in source.KERNELS.glob("*.cu"):
        for declaration in path.read_text().split("__global__")[1:]:
            parameters = declaration[: declaration.index(")")]
            assert parameters.count("*") == parameters.count("* __restrict__") > 0
    for recurrence in RECURRENCES:
        for kernel in recurrence.kernels:
            text, _ = kernel.source()
            parameters = text[text.rindex("__global__") :].partition(")")[0]
            assert parameters.count("*") == parameters.count("* __restrict__") > 0


def test_a_header_beside_a_file_of_one_s_own_is_found(tmp_path):
    """In its folder, in one below and one above; the package's headers see the overlay first."""
    (tmp_path / "cells" / "sub").mkdir(parents=True)
    (tmp_path / "cells" / "mine.cu").write_text(
        '#include "beside.cuh"\n#include "sub/below.cuh"\n#include "tile.cuh"\n'
    )
    (tmp_path / "cells" / "beside.cuh").write_text("// found beside\n")
    (tmp_path / "cells" / "sub" / "below.cuh").write_text('#include "../../above.cuh"\n// found below\n')
    (tmp_path / "above.cuh").write_text("// found above\n")
    (tmp_path / "cells" / "activation.cuh").write_text("// not the package's\n")
    text = source.read(str(tmp_path / "cells" / "mine.cu"))
    assert all(f"// found {place}" in text for place in ("beside", "below", "above"))
    assert "struct Tile" in text and "not the package's" not in text


@pytest.mark.parametrize("name", ["new\nline", 'quo"te', "back\\slash", "not utf-8 \udcff"])
def test_any_name_of_a_folder(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    text = (source.KERNELS / "indrnn.cu").read_text()
    (folder / "indrnn.cu").write_text(text.replace("fma(u, h, x)", "h + x"))
    with use_kernels(folder):
        y, _ = F.indrnn(torch.ones(3, 1, 1), torch.zeros(1))
        assert y.flatten().tolist() == [1, 2, 3]
        (folder / "indrnn.cu").write_text(text.replace("fma(u, h, x)", "oops"))
        use_kernels(folder)
        with pytest.raises(KernelCompileError, match=r"indrnn\.cu.*oops"):
            F.indrnn(torch.ones(3, 1, 1), torch.zeros(1))
    use_kernels(None)


def test_what_looks_like_a_comment_hides_no_header(overlay):
    use_kernels(
        overlay("indrnn.cu", "// IndRNN:", '// see kernels/*.cu\nstatic const char* const text = "/*";\n// IndRNN:')
    )
    assert run() == [1.0, 0.0]


def test_headers_that_cannot_be_read_are_said(tmp_path):
    cell = tmp_path / "cell.cu"
    cell.write_text('#include "0.cuh"\n')
    for number in range(1500):
        (tmp_path / f"{number}.cuh").write_text(f'#include "{number + 1}.cuh"\n')
    with pytest.raises(KernelSourceError, match="nested more than 100 deep"):
        source.read(str(cell))
    (tmp_path / "0.cuh").write_bytes(b"// \xff")
    with pytest.raises(KernelSourceError, match=r"cannot read the kernel file .*0\.cuh"):
        source.read(str(cell))
    (tmp_path / "0.cuh").unlink()
    cell.write_text(f'#include "{"a" * 300}"\n')  # is left for the compiler to name
    assert "a" * 300 in source.read(str(cell))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "no regular file"),  # and is not waited for
        (os.mkdir, "no regular file"),
        (lambda path: os.symlink("nowhere", path), "No such file"),
        (lambda path: os.symlink(path, path), "Too many levels"),
    ],
)
def test_headers_that_are_no_files_are_said(tmp_path, make, reason):
    (tmp_path / "cell.cu").write_text('#include "odd.cuh"\n')
    make(tmp_path / "odd.cuh")
    with pytest.raises(KernelSourceError, match=rf"cannot read the kernel file .*odd\.cuh: .*{reason}"):
        source.read(str(tmp_path / "cell.cu"))


def test_a_header_by_two_names_is_included_once(tmp_path):
    (tmp_path / "cells" / "sub").mkdir(parents=True)
    (tmp_path / "above.cuh").write_text("#pragma once\n// found above\n")
    (tmp_path / "cells" / "sub" / "below.cuh").write_text('#include "../../above.cuh"\n')
    (tmp_path / "cells" / "mine.cu").write_text('#include "../above.cuh"\n#include "sub/below.cuh"\n')
    assert source.read(str(tmp_path / "cells" / "mine.cu")).count("// found above") == 1


def test_a_header_of_the_working_directory_is_not_compiled_in(overlay, tmp_path, monkeypatch):
    """The key of what is compiled does not know it: an edit of it would not be seen."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "there.cuh").write_text("")
    monkeypatch.chdir(elsewhere)
    use_kernels(overlay("indrnn.cu", '"cell.cuh"\n', '"cell.cuh"\n#include "there.cuh"\n'))
    with pytest.raises(KernelCompileError, match=r"indrnn\.cu:4:.*there\.cuh"):
        run()
