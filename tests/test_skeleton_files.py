"""`.skeleton` text: read to the last digit, in all its forms; what is wrong with a file is said, and stops nothing."""

import bz2
import csv
import gzip
import lzma
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skeleton_clips import FIRST_ID, exit_status, skeleton

from tasks.config import TaskError
from tasks.skeleton_action import txt2npy
from tasks.skeleton_action.bodies import has_data
from tasks.skeleton_action.clip_file import read_arrays
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
        (b"\n".join(LINES[:30]), 30, "truncated", "the file ends where a body is expected"),
        (b"\n".join(LINES[:31]), 31, "truncated", "the file ends where the number of joints is expected"),
        (CONTENT[:-40], 168, "fields", "fields, expected 12"),
        (line(1, b"5", b"6"), 168, "truncated", "ends where the number of bodies"),
        (line(1, b"5", b"4"), 141, "damaged", "text after the last of 4 frames"),
        (line(1, b"5", b"5.0"), 1, "damaged", "'5.0' where the number of frames is expected"),
        (line(1, b"5", b"9" * 30), 1, "damaged", "where the number of frames is expected"),
        (line(2, b"1", b"-1"), 2, "damaged", "'-1' where the number of bodies is expected"),
        (line(2, b"1", b"1" * 18), 30, "fields", "1 fields, expected 10 of a body"),
        (line(4, b"25", b"20"), 4, "joints", "20 joints, expected 25"),
        (field(3, 0, b"7.2e16"), 3, "damaged", "the body id is '7.2e16'"),
        (field(3, 0, str(2**64).encode()), 3, "damaged", "a whole number below 2**64"),
        (b"\n".join([*LINES[:2], b" ", *LINES[3:]]), 3, "fields", "0 fields, expected 10 of a body"),
        (b"\n".join([*LINES[:9], *LINES[10:]]), 29, "fields", "1 fields, expected 12 of a joint"),
        (b"\n".join([*LINES[:3], *LINES[4:]]), 4, "damaged", "where the number of joints is expected"),
        (field(9, 5, b"1_0"), 9, "damaged", "'1_0' where a number is expected"),
        (field(3, 4, b"x"), 3, "damaged", "'x' where a number is expected"),
        (field(9, 1, b"nan"), 9, "not finite", "a position is not finite"),
        (field(9, 2, b"-inf"), 9, "not finite", "a position is not finite"),
        (field(9, 2, b"-1.#IND"), 9, "not finite", "a position is not finite"),
        (field(9, 5, b"1.#ABC"), 9, "damaged", "'1.#ABC' where a number is expected"),
        (gzip.compress(CONTENT), 1, "compressed", "by gzip; unpack it"),
        (bz2.compress(CONTENT), 1, "compressed", "by bzip2; unpack it"),
        (lzma.compress(CONTENT), 1, "compressed", "by xz; unpack it"),
        (line(4, b"25", b"20").decode().encode("utf-16"), 4, "joints", "20 joints, expected 25"),
        (CONTENT.decode().encode("utf-16-le")[:-81], 168, "fields", "fields, expected 12"),
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


WORDS = ["nan", "NAN", "-inf", "1e999", "-1.#IND", "1.#QNAN", "-1.#INF00", "1.#SNAN", "-nan(ind)", "nan(snan)"]


@pytest.mark.parametrize("word", WORDS)
def test_only_positions_must_be_finite(word):
    """Also as old Windows programs write such numbers; every other number is what it was."""
    expected = {"-inf": -np.inf, "1e999": np.inf, "-1.#INF00": -np.inf}.get(word, np.nan)
    usual = parse(CONTENT)
    for column in range(3, 12):
        read = parse(field(9, column, word.encode()))
        assert np.argwhere(read.joints != usual.joints).tolist() == [[0, 4, column]]
        assert np.array_equal(read.joints[0, 4, column], expected, equal_nan=True)
    lean = parse(field(3, 7, word.encode()))
    assert np.array_equal(lean.body[0, 6], expected, equal_nan=True) and np.array_equal(lean.joints, usual.joints)
    for column in range(3):
        with pytest.raises(SkeletonError, match="line 9: a position is not finite"):
            parse(field(9, column, word.encode()))


@pytest.mark.parametrize("filler", [b"0", b"-7.5", b"nan", b"-1.#IND", b"inf"])
def test_a_body_without_any_position_hinders_nothing(filler):
    lines = list(LINES)
    for row in range(4, 29):  # the body of the first frame
        lines[row] = b" ".join([filler] * 3 + lines[row].split()[3:])
    read, usual = parse(b"\n".join(lines)), parse(CONTENT)
    assert has_data(read.joints[..., :3]).tolist() == [False] + [True] * 5
    assert np.array_equal(read.joints[1:], usual.joints[1:]) and np.array_equal(read.body_id, usual.body_id)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_byte_order_marks_and_utf_16_are_read_over(encoding, mark):
    assert text(parse((mark + CONTENT.decode()).encode(encoding))).encode() == CONTENT


@pytest.mark.parametrize("number", range(1, len(LINES)))
def test_a_doubled_line_is_found(number):
    """Any but a 0, which is a frame more: nothing tells that before the file goes on after its last frame."""
    lines = [*LINES[:number], *LINES[number - 1 :]]
    with pytest.raises(SkeletonError) as error:
        parse(b"\n".join(lines))
    if LINES[number - 1] == b"0":
        assert "text after the last of 5 frames" in error.value.reason
    else:
        assert (error.value.line, error.value.kind) == (number + 1, "doubled"), error.value


def test_lines_that_are_alike_are_not_blamed_for_what_is_wrong_elsewhere():
    made = skeleton([[], [], [0], [0]])
    made.joints[:] = 0  # every joint's line is like the one before
    lines = text(made).encode().split(b"\n")
    for row, kind in ((3, "damaged"), (4, "fields"), (31, "damaged"), (39, "fields")):
        wrong = [b"x" if number == row else line for number, line in enumerate(lines)]
        with pytest.raises(SkeletonError) as error:
            parse(b"\n".join(wrong))
        assert (error.value.line, error.value.kind) == (row + 1, kind), error.value


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
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", workers]) == 1
    said = capsys.readouterr().out
    assert said.startswith("2 read, 0 there already, 5 skipped (1 ")
    rows = report(dst)
    assert {name: row["kind"] for name, row in rows.items()} == {
        "truncated.skeleton": "truncated", "nul.skeleton": "damaged", "empty.skeleton": "empty",
        "joints.skeleton": "joints", "none.skeleton": "no body",
    }  # fmt: skip
    assert rows["joints.skeleton"]["line"] == "4" and "24 joints" in rows["joints.skeleton"]["reason"]
    clip = read_arrays(dst / "S001C001P001R001A002.npz")
    made = skeleton(USUAL)
    assert clip["frames"] == 5 and np.array_equal(clip["body_id"], made.body_id) and clip["body_id"][0] == FIRST_ID
    np.testing.assert_allclose(clip["position"], made.joints[..., :3], rtol=1e-6)
    assert {p.name for p in dst.iterdir()} == {"S001C001P001R001A001.npz", "S001C001P001R001A002.npz", "report.csv"}

    # Again: what is there is not read, what has changed since is, and what was mended is.
    before = (dst / "S001C001P001R001A001.npz").stat().st_mtime_ns
    (src / "empty.skeleton").write_bytes(CONTENT)
    later = dst / "S001C001P001R001A002.npz"
    os.utime(later, (0, 0))
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", workers]) == 1
    assert capsys.readouterr().out.startswith("2 read, 1 there already, 4 skipped")
    assert (dst / "S001C001P001R001A001.npz").stat().st_mtime_ns == before and later.stat().st_mtime > 0


def test_what_is_no_file_or_was_one_is_skipped(tmp_path, capsys):
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    (src / "once.skeleton").write_bytes(CONTENT)
    os.mkfifo(src / "pipe.skeleton")
    (src / os.fsdecode(b"\xff.skeleton")).write_bytes(b"1\nx")
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", "1"]) == 1
    assert capsys.readouterr().out.startswith("1 read, 0 there already, 2 skipped")
    assert b"\xff.skeleton,2,damaged," in (dst / "report.csv").read_bytes()
    (src / "once.skeleton").write_bytes(CONTENT[:100])
    os.utime(dst / "once.npz", (0, 0))
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", "1"]) == 2
    assert not list(dst.glob("*.npz"))


def test_the_exit_status_says_whether_all_some_or_none_were_read(tmp_path):
    src = tmp_path / "src"
    src.mkdir()
    (src / "good.skeleton").write_bytes(CONTENT)
    arguments = [str(src), str(tmp_path / "dst"), "--workers", "1"]
    assert [exit_status(txt2npy.main, arguments) for _ in range(2)] == [0, 0]
    (src / "bad.skeleton").touch()
    assert exit_status(txt2npy.main, arguments) == 1  # the good one was read before
    (src / "good.skeleton").unlink()
    assert exit_status(txt2npy.main, arguments) == 2


def test_two_files_of_one_name_are_named_and_the_rest_is_read(tmp_path, capsys):
    src, dst = tmp_path / "src", tmp_path / "dst"
    for inner in "ab":
        (src / inner).mkdir(parents=True)
        (src / inner / f"{inner}.skeleton").write_bytes(CONTENT)
    (src / "a" / "same.skeleton").write_bytes(CONTENT)
    arguments = [str(src), str(dst), "--workers", "1"]
    assert exit_status(txt2npy.main, arguments) == 0 and (dst / "same.npz").exists()
    (src / "b" / "same.skeleton").write_bytes(CONTENT)
    assert exit_status(txt2npy.main, arguments) == 1
    assert "0 read, 2 there already, 2 skipped (2 same name)" in capsys.readouterr().out
    assert {path.name for path in dst.iterdir()} == {"a.npz", "b.npz", "report.csv"}
    with open(dst / "report.csv", newline="") as file:
        rows = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    one, other = str(src / "a" / "same.skeleton"), str(src / "b" / "same.skeleton")
    assert rows.keys() == {one, other} and other in rows[one] and one in rows[other]


def test_other_endings_are_named(tmp_path, capsys):
    src, dst = tmp_path / "src", tmp_path / "dst"
    (src / "folder.skeleton.d").mkdir(parents=True)
    (src / "good.skeleton").write_bytes(CONTENT)
    names = ["a.skeleton.gz", "b.skeleton.zip", "c.SKELETON", "d.skeleton.txt", "good.skeleton~"]
    names.append("folder.skeleton.d/e.Skeleton")
    for name in [*names, "notes.txt"]:
        (src / name).write_bytes(CONTENT)
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", "1"]) == 1
    assert capsys.readouterr().out.startswith("1 read, 0 there already, 6 skipped (6 other ending)")
    rows = report(dst)
    assert rows.keys() == {os.path.basename(name) for name in names}
    assert all("unpack or rename it" in row["reason"] for row in rows.values())
    assert (dst / "good.npz").exists()


def test_a_clip_without_data_is_skipped_and_a_frame_without_is_not(tmp_path):
    """Whatever stands where nobody is: zeros, another point, however far away, or NaN."""
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    frames = skeleton([[0]] * 4)
    for number, filler in enumerate([0, -7.5, 1e6, 1e300, np.nan]):
        for name, gap in (("some", slice(1, 3)), ("all", slice(None))):
            frames.joints[:] = skeleton([[0]] * 4).joints
            frames.joints[gap, :, :3] = filler
            (src / f"{name}{number}.skeleton").write_text(text(frames))
    assert exit_status(txt2npy.main, [str(src), str(dst), "--workers", "1"]) == 1
    assert {name: row["kind"] for name, row in report(dst).items()} == {f"all{n}.skeleton": "no body" for n in range(5)}
    for number in range(5):
        read = read_arrays(dst / f"some{number}.npz")
        assert has_data(read["position"]).tolist() == [True, False, False, True]


@pytest.mark.parametrize(("gap", "said"), [(slice(None), "no body has data in any frame"), (3, "cannot be")])
def test_arrays_without_data_or_with_half_of_it_are_refused(tmp_path, gap, said):
    position = np.ones((2, 25, 3), np.float32) * np.arange(25)[:, None]
    position[:, gap] = np.nan
    path = tmp_path / "clip.npz"
    np.savez(path, frames=2, frame=np.arange(2), body_id=np.ones(2, np.uint64), position=position)
    with pytest.raises(TaskError, match=said):
        read_arrays(path)


def test_all_fields(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "S001C001P001R001A001.skeleton").write_bytes(CONTENT)
    arguments = [str(tmp_path / "src"), str(tmp_path / "dst"), "--workers", "1"]
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
    ],
)
def test_what_cannot_work_is_said_in_a_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "src")
    (tmp_path / "src/more/within").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stop:
        txt2npy.main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and said in error and error.count("\n") == 1
