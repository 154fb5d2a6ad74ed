"""`.skeleton` text: read to the last digit, in all its forms; what is wrong with a file is said, and stops nothing."""

import csv
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skeleton_clips import FIRST_ID, skeleton

from tasks.skeleton_action import txt2npy
from tasks.skeleton_action.skeleton_file import Skeleton, SkeletonError, parse, text

USUAL = [[0], [0, 1], [], [1, 0], [2]]
CONTENT = text(skeleton(USUAL)).encode()
LINES = CONTENT.split(b"\n")


def line(number, old, new):
    lines = list(LINES)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return b"\n".join(lines)


def field(number, column, new):
    lines = list(LINES)
    words = lines[number - 1].split()
    words[column] = new
    lines[number - 1] = b" ".join(words)
    return b"\n".join(lines)


@pytest.mark.parametrize("bodies", [USUAL, [[0]], [[0, 1, 2, 3, 4, 5]] * 2, [[], [], [0]], [[]], []])
@pytest.mark.parametrize("form", ["LF", "CRLF", "no newline at the end", "blank lines at the end"])
def test_a_round_trip_to_the_last_digit(bodies, form):
    made = skeleton(bodies)
    content = text(made)
    changed = {"LF": content, "CRLF": content.replace("\n", "\r\n"), "no newline at the end": content.rstrip("\n")}
    read = parse(changed.get(form, content + " \r\n\n").encode())
    assert text(read) == content
    assert read.frames == len(bodies) and np.array_equal(read.frame, made.frame)
    assert np.array_equal(read.body_id, made.body_id) and len(set(read.body_id)) == len({b for f in bodies for b in f})
    assert np.array_equal(read.joints, np.vectorize(lambda v: float(f"{v:.7g}"), otypes="d")(made.joints))
    assert np.array_equal(read.body, np.vectorize(lambda v: float(f"{v:.7g}"), otypes="d")(made.body))


@pytest.mark.parametrize(
    ("content", "number", "kind", "reason"),
    [
        (b"", 1, "empty", "the file is empty"),
        (b" \r\n\n", 1, "empty", "the file is empty"),
        (b"\0" * 100, 1, "damaged", "NUL bytes from byte 0 on"),
        (CONTENT[:500] + b"\0" * 500, CONTENT[:500].count(b"\n") + 1, "damaged", "NUL bytes from byte 500 on"),
        (b"\n".join(LINES[:20]), 20, "truncated", "the file ends within frame 1 of 5"),
        (b"\n".join(LINES[:29]), 29, "truncated", "the file ends where the number of bodies is expected"),
        (b"\n".join(LINES[:31]), 31, "truncated", "the file ends where the number of joints is expected"),
        (CONTENT[:-40], 168, "fields", "fields, expected 12"),
        (line(1, b"5", b"6"), 168, "truncated", "ends where the number of bodies"),
        (line(1, b"5", b"4"), 141, "damaged", "text after the last of 4 frames"),
        (line(1, b"5", b"5.0"), 1, "damaged", "'5.0' where the number of frames is expected"),
        (line(1, b"5", b"9" * 30), 1, "damaged", "where the number of frames is expected"),
        (line(2, b"1", b"-1"), 2, "damaged", "'-1' where the number of bodies is expected"),
        (line(2, b"1", b"1" * 18), 31, "damaged", "the number of joints"),
        (line(4, b"25", b"20"), 4, "joints", "20 joints, expected 25"),
        (field(3, 0, b"7.2e16"), 3, "damaged", "the body id is '7.2e16'"),
        (field(3, 0, str(2**64).encode()), 3, "damaged", "a whole number below 2**64"),
        (b"\n".join([*LINES[:2], b" ", *LINES[3:]]), 3, "damaged", "the body id is ''"),
        (field(9, 5, b"1_0"), 9, "damaged", "'1_0' where a number is expected"),
        (field(3, 4, b"x"), 3, "damaged", "'x' where a number is expected"),
        (field(9, 1, b"nan"), 9, "not finite", "a position is not finite"),
        (field(9, 2, b"-inf"), 9, "not finite", "a position is not finite"),
        (field(9, 5, b"-1.#IND"), 9, "damaged", "'-1.#IND' where a number is expected"),
        (field(9, 5, b"\xff\x00"[:1]), 9, "damaged", r"'\\xff' where a number is expected"),
        (field(9, 5, b""), 9, "fields", "11 fields, expected 12"),
        (field(9, 5, b"1 2"), 9, "fields", "13 fields, expected 12"),
        (b"\n".join([*LINES[:9], LINES[9] + b" 7", LINES[10].rsplit(b" ", 1)[0], *LINES[11:]]), 10, "fields", "13"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(content, number, kind, reason):
    with pytest.raises(SkeletonError) as error:
        parse(content)
    assert (error.value.line, error.value.kind) == (number, kind), error.value
    assert reason in error.value.reason


def test_only_positions_must_be_finite():
    assert np.isnan(parse(field(9, 5, b"nan")).joints).sum() == 1


@settings(max_examples=500, deadline=2000, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_file_gives_a_value_or_a_named_error(data):
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.sampled_from([0, 1, 5, 100, 3000])))
        words = st.sampled_from(
            [b"", b"\n", b"\r\n", b" ", b"-", b"nan", b"1e999", b"0", b"99999999999", b"\0", b"25\n"]
        )
        content[start:end] = data.draw(words | st.binary(max_size=20))
    try:
        read = parse(bytes(content))
    except SkeletonError as error:
        assert 1 <= error.line <= content.count(b"\n") + 1 and error.reason
    else:
        assert isinstance(read, Skeleton) and np.isfinite(read.joints[..., :3]).all()
        assert read.joints.shape == (len(read.frame), 25, 12) and read.body.shape == (len(read.frame), 9)


def folder(path):
    """Good and bad files, some in a folder within."""
    (path / "more").mkdir(parents=True)
    good = {"S001C001P001R001A001": CONTENT, "more/S001C001P001R001A002": CONTENT.replace(b"\n", b"\r\n")}
    bad = {
        "truncated": CONTENT[:3000],
        "nul": b"\0" * 10,
        "empty": b"",
        "joints": line(4, b"25", b"24"),
        "none": b"2\n0\n0",
    }
    for name, content in (good | bad).items():
        (path / f"{name}.skeleton").write_bytes(content)
    return path


def report(path):
    with open(path / "report.csv", newline="") as file:
        return {os.path.basename(row["file"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_folder_is_read_and_what_is_not_is_reported(workers, tmp_path, capsys):
    src, dst = folder(tmp_path / "src"), tmp_path / "dst"
    txt2npy.main([str(src), str(dst), "--workers", workers])
    said = capsys.readouterr().out
    assert said.startswith("2 read, 0 there already, 5 skipped (1 ")
    rows = report(dst)
    assert {name: row["kind"] for name, row in rows.items()} == {
        "truncated.skeleton": "truncated", "nul.skeleton": "damaged", "empty.skeleton": "empty",
        "joints.skeleton": "joints", "none.skeleton": "no body",
    }  # fmt: skip
    assert rows["joints.skeleton"]["line"] == "4" and "24 joints" in rows["joints.skeleton"]["reason"]
    clip = txt2npy.read_arrays(dst / "S001C001P001R001A002.npz")
    made = skeleton(USUAL)
    assert clip["frames"] == 5 and np.array_equal(clip["body_id"], made.body_id) and clip["body_id"][0] == FIRST_ID
    np.testing.assert_allclose(clip["position"], made.joints[..., :3], rtol=1e-6)
    assert {p.name for p in dst.iterdir()} == {"S001C001P001R001A001.npz", "S001C001P001R001A002.npz", "report.csv"}

    # Again: what is there is not read, what has changed since is, and what was mended is.
    before = (dst / "S001C001P001R001A001.npz").stat().st_mtime_ns
    (src / "empty.skeleton").write_bytes(CONTENT)
    later = dst / "S001C001P001R001A002.npz"
    os.utime(later, (0, 0))
    txt2npy.main([str(src), str(dst), "--workers", workers])
    assert capsys.readouterr().out.startswith("2 read, 1 there already, 4 skipped")
    assert (dst / "S001C001P001R001A001.npz").stat().st_mtime_ns == before and later.stat().st_mtime > 0


def test_what_is_no_file_or_was_one_is_skipped(tmp_path, capsys):
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    (src / "once.skeleton").write_bytes(CONTENT)
    os.mkfifo(src / "pipe.skeleton")
    (src / os.fsdecode(b"\xff.skeleton")).write_bytes(b"1\nx")
    txt2npy.main([str(src), str(dst), "--workers", "1"])
    assert capsys.readouterr().out.startswith("1 read, 0 there already, 2 skipped")
    assert b"\xff.skeleton,2,damaged," in (dst / "report.csv").read_bytes()
    (src / "once.skeleton").write_bytes(CONTENT[:100])
    os.utime(dst / "once.npz", (0, 0))
    txt2npy.main([str(src), str(dst), "--workers", "1"])
    assert not list(dst.glob("*.npz"))


def test_all_fields(tmp_path):
    arguments = [str(folder(tmp_path / "src")), str(tmp_path / "dst"), "--workers", "1"]
    txt2npy.main(arguments)
    txt2npy.main([*arguments, "--all-fields"])
    with np.load(tmp_path / "dst" / "S001C001P001R001A001.npz", allow_pickle=False) as file:
        read = Skeleton(int(file["frames"]), file["frame"], file["body_id"], file["body"], file["joints"])
    assert text(read).encode() == CONTENT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing", "dst"], "SRC missing is not a folder"),
        (["src/more/within", "dst"], "there is no .skeleton file in"),
        (["src", "dst", "--workers", "0"], "--workers is 0, expected a number above 0"),
        (["src", "file"], "file"),
        (["twice", "dst"], "have the same name; keep one of them"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "src")
    (tmp_path / "src/more/within").mkdir()
    (tmp_path / "file").touch()
    for inner in ("twice/a", "twice/b"):
        (tmp_path / inner).mkdir(parents=True)
        (tmp_path / inner / "same.skeleton").touch()
    with pytest.raises(SystemExit) as stop:
        txt2npy.main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and said in error and error.count("\n") == 1
