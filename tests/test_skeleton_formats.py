"""Sets from and to other projects' formats: what is in the files, round trips to the bit, splits by a column."""

import pickle

import numpy as np
import pytest
from skeleton_sets import LENGTHS, NAMES, TEST, TRAINING, error_of, make_set, positions, run

from tasks.config import TaskError
from tasks.skeleton_action import arrays, columns, convert, ntu, split
from tasks.skeleton_action.formats.to_set import KNOWN_PARENTS
from tasks.skeleton_action.task import class_names

FORMATS = {"npz": "a.npz", "pkl": "a.pkl", "folder": "clips", "csv": "clips"}


def same(one, other, order=slice(None)):
    """That the second set has the clips of the first, in that order, to the bit."""
    a, b = arrays.read_set(one), arrays.read_set(other)
    assert a.data.dtype == b.data.dtype and a.data[order].tobytes() == b.data.tobytes() and a.parents == b.parents
    assert np.array_equal(a.length[order], b.length) and np.array_equal(a.label[order], b.label)
    return a, b


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("joints", [50, 25, 4])
def test_a_set_comes_back(tmp_path, kind, dtype, joints):
    own = {"parents": [1, 1]} if joints == 4 else {}
    clips = positions(joints, dtype)
    made = make_set(tmp_path / "set", clips=clips, shape=(6, 7, joints), dtype=dtype, **own)
    run(made, tmp_path / FORMATS[kind], *(["--csv"] if kind == "csv" else []))
    run(tmp_path / FORMATS[kind], tmp_path / "back", "--dtype", dtype, *(["--parents", 1, 1] if own else []))
    order = TRAINING + TEST if kind == "npz" else slice(None)
    a, b = same(made, tmp_path / "back", order)
    training, test = arrays.read_split(tmp_path / "back", "given" if kind == "npz" else "half", 6)
    if kind == "npz":
        assert training.tolist() == [0, 1, 2] and test.tolist() == [3, 4, 5] and b.name[4] == "test_1"
    else:
        found = columns.columns(tmp_path / "back", 6)
        assert a.name.tolist() == b.name.tolist() and {*training} == {*TRAINING} and {*test} == {*TEST}
        assert {key: value.tolist() for key, value in found.items()} == {
            "subject": [1, 2, 3, 4, 5, 6], "view": [1, 2, 3, 1, 2, 3],
        }  # fmt: skip
    assert class_names(tmp_path / "back", 2) == (["0", "1"] if kind in ("npz", "pkl") else ["sit", "stand"])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_comes_back(tmp_path, kind):
    """From the format to a set and back: the same bytes."""
    run(make_set(tmp_path / "set"), tmp_path / FORMATS[kind], *(["--csv"] if kind == "csv" else []))
    run(tmp_path / FORMATS[kind], tmp_path / "back")
    again = tmp_path / f"again{(tmp_path / FORMATS[kind]).suffix}"
    run(tmp_path / "back", again, *(["--csv"] if kind == "csv" else []))
    if again.is_file() and kind == "npz":
        with np.load(tmp_path / "a.npz") as one, np.load(again) as other:
            assert all(one[name].tobytes() == other[name].tobytes() for name in one)
    elif again.is_file():
        assert again.read_bytes() == (tmp_path / "a.pkl").read_bytes()
    else:
        files = sorted(path.relative_to(again) for path in again.rglob("*.*"))
        assert len(files) == 8
        assert all((again / file).read_bytes() == (tmp_path / "clips" / file).read_bytes() for file in files)


def test_an_npz_file_is_laid_out_as_ctr_gcn_reads_it(tmp_path):
    """(N, T, M * V * C), one-hot classes, zeros after the end; compressed or not, and of whatever float."""
    made = make_set(tmp_path / "set", pad="last")
    run(made, tmp_path / "a.npz", "--split", "half")
    with np.load(tmp_path / "a.npz") as file:
        content = {name: file[name] for name in file}
    assert content["x_train"].shape == (3, 7, 150) and content["x_train"].dtype == np.float32
    assert content["y_test"].tolist() == [[0, 1], [0, 1], [0, 1]] and content["y_train"].tolist() == [[1, 0]] * 3
    x, clip = content["x_test"], positions()[1]
    for person, joint, axis in ((0, 0, 0), (0, 24, 2), (1, 3, 1), (1, 24, 2)):
        assert np.array_equal(x[1, :, 75 * person + 3 * joint + axis], clip[:, 25 * person + joint, axis])
    assert not x[2, 1:].any()
    np.savez_compressed(tmp_path / "b.npz", **{name: values.astype(">f8") for name, values in content.items()})
    run(tmp_path / "a.npz", tmp_path / "one")
    run(tmp_path / "b.npz", tmp_path / "two")
    same(tmp_path / "one", tmp_path / "two")


def annotations(dtype=np.float16):
    """What pyskl has of the small set, in three dimensions."""
    listed = []
    for number, clip in enumerate(positions()):
        keypoint = clip.astype(dtype).reshape(-1, 2, 25, 3).transpose(1, 0, 2, 3)
        listed.append(
            {"frame_dir": NAMES[number], "label": number % 2, "keypoint": keypoint, "total_frames": len(clip)}
        )
    return listed


@pytest.mark.parametrize("protocol", range(6))
def test_a_pkl_file_of_any_protocol(tmp_path, protocol):
    listed = annotations()
    listed[1]["label"], listed[2]["total_frames"] = np.int64(1), np.int32(5)
    listed[3]["keypoint"], listed[4]["keypoint"] = (
        listed[3]["keypoint"].astype(">f2"),
        np.asfortranarray(listed[4]["keypoint"]),
    )
    listed[5] |= {"img_shape": (1080, 1920), "box_score": np.ones(6, np.float32), "valid": {"0.5": 3}, "more": None}
    sides = {"xsub_train": NAMES[:4], "xsub_val": NAMES[4:], "train1": NAMES[:1], "test1": NAMES[1:], "all": NAMES}
    written = pickle.dumps({"split": sides, "annotations": listed}, protocol)
    (tmp_path / "a.pkl").write_bytes(written)
    run(tmp_path / "a.pkl", tmp_path / "set", "--dtype", "float16")
    found = arrays.read_set(tmp_path / "set")
    for number, clip in enumerate(positions()):
        assert np.array_equal(found.data[number, : len(clip)], clip.astype(np.float16))
    assert found.label.tolist() == [0, 1] * 3 and found.length.tolist() == [*LENGTHS] and found.parents == ntu.PARENTS
    assert {key: len(side) for key, (side, _) in columns.splits(tmp_path / "set", 6).items()} == {"xsub": 4, "1": 1}
    if protocol < 4:  # where a name is a line of text: as numpy 1 writes it
        (tmp_path / "old.pkl").write_bytes(written.replace(b"cnumpy._core", b"cnumpy.core"))
        run(tmp_path / "old.pkl", tmp_path / "old", "--dtype", "float16")
        same(tmp_path / "set", tmp_path / "old")


def test_a_pkl_file_is_what_pickle_loads(tmp_path):
    run(make_set(tmp_path / "set", clips=positions(dtype="float16"), dtype="float16"), tmp_path / "a.pkl")
    content = pickle.loads((tmp_path / "a.pkl").read_bytes())
    assert content["split"] == {
        "half_train": [NAMES[n] for n in TRAINING],
        "half_val": [NAMES[n] for n in TEST],
    }
    for number, (one, expected) in enumerate(zip(content["annotations"], annotations(), strict=True)):
        keypoint = one.pop("keypoint")
        assert keypoint.dtype == np.float16 and keypoint.shape[0] == (1 if number in (0,) else 2)
        assert np.array_equal(keypoint, expected.pop("keypoint")[: len(keypoint)]) and one == expected


def test_two_dimensions_are_normalized_and_lie_in_a_plane(tmp_path):
    """Against a loop over joints, of pictures of two sizes; a person who is not seen is zeros, not a corner."""
    rng = np.random.default_rng(1)
    listed = []
    for number, (persons, frames) in enumerate([(1, 4), (3, 2)]):
        keypoint = rng.uniform(0, 1000, (persons, frames, 17, 2)).astype(np.float16)
        score = rng.uniform(0.1, 1, (persons, frames, 17)).astype(np.float16)
        keypoint[-1, 1], score[-1, 1] = 0, 0
        size = (1080, 1920) if number else (480, 640)
        fields = {"frame_dir": f"{number}", "label": number, "total_frames": frames, "img_shape": size}
        listed.append(fields | {"keypoint": keypoint, "keypoint_score": score})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": listed}))
    run(tmp_path / "a.pkl", tmp_path / "set", "--persons", "2")
    found = arrays.read_set(tmp_path / "set")
    assert found.data.shape == (2, 4, 34, 3) and found.parents == KNOWN_PARENTS[17]
    for clip, one in zip(found.data, listed, strict=True):
        height, width = one["img_shape"]
        for person, frame, joint in np.ndindex(2, one["total_frames"], 17):
            expected = (0, 0, 0)
            if person < len(one["keypoint"]) and one["keypoint_score"][person, frame].any():
                x, y = map(float, one["keypoint"][person, frame, joint])
                expected = x / width * 2 - 1, 1 - y / height * 2, 0
            np.testing.assert_allclose(clip[frame, 17 * person + joint], expected, atol=1e-6)


def test_a_folder_of_one_s_own(tmp_path):
    """One and two persons, .npy and .csv, classes by name, a split and a column."""
    (tmp_path / "own" / "more").mkdir(parents=True)
    clips = [clip.astype(np.float64) for clip in positions(4)[:4]]
    np.save(tmp_path / "own" / "a.npy", clips[0][:, :2])  # one person
    np.save(tmp_path / "own" / "more" / "b.npy", clips[1].reshape(7, 2, 2, 3))
    for name, clip in (("c", clips[2]), ("d", clips[3])):
        lines = [",".join(map(repr, map(float, frame.flat))) for frame in clip]
        (tmp_path / "own" / f"{name}.csv").write_text("\n".join(["x,y,z" + 9 * ",.", *lines]))
    (tmp_path / "own" / "labels.csv").write_text(
        "File,label,subject,split,day\na.npy,wave,kim,train,01\nmore/b.npy,bow,lee,,02\n"
        "c.csv,wave,kim,test,01\nd.csv,Run,ann,test,10\n"
    )
    run(tmp_path / "own", tmp_path / "set", "--parents", 0, 0)
    found = arrays.read_set(tmp_path / "set")
    clips[0][:, 2:] = 0
    for number, clip in enumerate(clips):
        assert np.array_equal(found.data[number, : len(clip)], clip.astype(np.float32))
    assert class_names(tmp_path / "set", 3) == ["Run", "bow", "wave"] and found.label.tolist() == [2, 1, 2, 0]
    assert found.name.tolist() == ["a", "b", "c", "d"]
    found = {key: values.tolist() for key, values in columns.columns(tmp_path / "set", 4).items()}
    assert found == {"subject": ["kim", "lee", "kim", "ann"], "day": ["01", "02", "01", "10"]}
    assert [side.tolist() for side in arrays.read_split(tmp_path / "set", "given", 4)] == [[0], [2, 3]]


def test_splits_by_subject_and_by_a_column_of_one_s_own(tmp_path, capsys):
    made = make_set(tmp_path / "set")
    np.save(made / "day.npy", np.array(["mon", "tue", "mon", "wed", "tue", "mon"]))
    split.main([str(made), "--by", "subject", "--test", "2", "4", "6"])
    split.main([str(made), "--by", "day", "--test", "mon", "--name", "monday"])
    assert capsys.readouterr().out.splitlines() == [
        "by_subject: 3 for training, 3 for the test",
        "monday: 3 for training, 3 for the test",
    ]
    assert [side.tolist() for side in arrays.read_split(made, "by_subject", 6)] == [[0, 2, 4], [1, 3, 5]]
    assert [side.tolist() for side in arrays.read_split(made, "monday", 6)] == [[1, 3, 4], [0, 2, 5]]
    for message, *arguments in (
        ("--test has 7, 8, which no clip has as subject; there are: 1, 2, 3", "subject", "--test", "7", "8"),
        ("has no column who; there are: day, subject, view", "who", "--test", "1"),
        ("--test names all of the clips", "view", "--test", "1", "2", "3"),
        ("by_subject_train.npy exists", "subject", "--test", "1"),
        ("called '../x', expected letters", "subject", "--test", "1", "--name", "../x"),
        ("called 'a_test', expected letters", "subject", "--test", "1", "--name", "a_test"),
    ):
        assert message in error_of(capsys, split.main, made, "--by", *arguments)
    assert sorted(columns.splits(made, 6)) == ["by_subject", "half", "monday"]


def test_what_cannot_be_converted_is_said(tmp_path, capsys):
    made = make_set(tmp_path / "set", splits={"a": (TRAINING, TEST), "b": (TEST, TRAINING)})
    run(made, tmp_path / "a.pkl")
    before = sorted(tmp_path.iterdir())
    (tmp_path / "names").write_text("one\n")
    for message, *arguments in (
        ("is no .npz or .pkl file, no folder with labels.csv, and no set", tmp_path / "none", tmp_path / "x"),
        ("an .npz file has one split; choose --split of a, b", made, tmp_path / "x.npz"),
        ("has no split c; there are: a, b", made, tmp_path / "x.npz", "--split", "c"),
        ("exists; remove it", made, tmp_path / "a.pkl"),
        ("exists; remove it", tmp_path / "a.pkl", made),
        ("--frames is 0, expected a number from 1", tmp_path / "a.pkl", tmp_path / "x", "--frames", 0),
        ("has 25 joints of each person; give the parent of each", tmp_path / "a.pkl", tmp_path / "x", "--parents", 0),
        ("labels to 1, but names for 1 classes", tmp_path / "a.pkl", tmp_path / "x", "--classes", tmp_path / "names"),
        ("none.pkl cannot be read: No such file", tmp_path / "none.pkl", tmp_path / "x"),
        ("is not a file", tmp_path / "d.npz", tmp_path / "x"),
    ):
        (tmp_path / "d.npz").mkdir(exist_ok=True)
        assert message in error_of(capsys, convert.main, *arguments)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "names", tmp_path / "d.npz"])
    run(tmp_path / "a.pkl", tmp_path / "short", "--frames", 2, "--persons", 1)
    assert arrays.read_set(tmp_path / "short").data.shape == (6, 2, 25, 3)


def test_clips_in_which_nobody_is_seen_are_left_out(tmp_path, capsys):
    listed = annotations(np.float32)
    listed[2]["keypoint"] = np.full_like(listed[2]["keypoint"], np.nan)
    listed[4]["keypoint"] = np.zeros_like(listed[4]["keypoint"])
    split_ = {"a_train": NAMES[:4], "a_val": NAMES[4:], "b_train": NAMES[:4], "b_val": [NAMES[4]]}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"split": split_, "annotations": listed}))
    said = error_of(capsys, convert.main, tmp_path / "a.pkl", tmp_path / "set")
    assert "in the split b one side has no clip in which somebody is seen" in said
    del split_["b_train"]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"split": split_, "annotations": listed}))
    run(tmp_path / "a.pkl", tmp_path / "set")
    assert f"2 of 6 clips left out, in which nobody is seen: {NAMES[2]}, {NAMES[4]}" in capsys.readouterr().out
    found = arrays.read_set(tmp_path / "set")
    assert found.name.tolist() == [NAMES[n] for n in (0, 1, 3, 5)] and found.label.tolist() == [0, 1, 1, 1]
    assert [side.tolist() for side in arrays.read_split(tmp_path / "set", "a", 4)] == [[0, 1, 2], [3]]
    assert np.load(tmp_path / "set" / "subject.npy").tolist() == [1, 2, 4, 6]
    assert np.array_equal(found.data[3, :6], positions()[5])


def test_text_labels_name_the_classes(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for name in ("0", "1"):
        np.save(own / f"{name}.npy", np.random.default_rng(0).normal(size=(4, 2, 3)))
    (own / "labels.csv").write_text("file,label\n0.npy,bow\n1.npy,wave\n")
    (own / "classes.txt").write_text("wave\nbow\n")  # for numbers, of which there are none
    run(own, tmp_path / "set", "--parents", "0", "0")
    assert (tmp_path / "set" / "classes.txt").read_text().split() == ["bow", "wave"]


def test_parents_in_a_circle_are_refused():
    with pytest.raises(TaskError, match="has no root"):
        arrays.check_parents((0, 2, 1), "it")
    arrays.check_parents((1, 1, 0, 2), "it")
