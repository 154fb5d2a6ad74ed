"""Files of other formats that are damaged, or hold something else: a line each, and nothing is left behind."""

import os
import pickle
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np
from skeleton_sets import NAMES, error_of, make_set, positions, run

from tasks.config import TaskError
from tasks.skeleton_action import arrays, convert
from tasks.skeleton_action.convert import Config

pytestmark = [  # numpy warns of headers that are not, or no longer, of Python 3
    pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required"),
    pytest.mark.filterwarnings("ignore:.*invalid.*escape"),
]
CASES = [60, pytest.param(300, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Whole files of each format."""
    place = tmp_path_factory.mktemp("good")
    made = make_set(place / "set")
    for name, *more in (("a.npz",), ("a.pkl",), ("npys",), ("csvs", "--csv")):
        run(made, place / name, *more)
    return place


def outcome(place):
    """Whether `place`/src.* becomes a set; if not, it is said in a line and nothing is left."""
    (source,) = place.iterdir()
    try:
        convert.convert(Config(source, place / "set"))
    except TaskError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 700 and str(place) in str(error) + str(place)
        assert [*place.iterdir()] == [source]
        return False
    found = arrays.read_set(place / "set")
    assert np.isfinite(found.data).all() and found.label.max() < arrays.MOST_CLASSES
    for split in place.glob("set/*_train.npy"):
        arrays.read_split(place / "set", split.name.removesuffix("_train.npy"), len(found.data))
    return True


def fresh(place):
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return place


damages = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 10**6), st.just(b"")),
    st.tuples(st.just("replace"), st.integers(0, 10**6), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), st.integers(0, 10**6), st.binary(min_size=1, max_size=30)),
    st.tuples(st.just("remove"), st.integers(0, 10**6), st.binary(min_size=1, max_size=200)),
)


def damaged(content, damage):
    how, place, other = damage
    place %= max(len(content), 1)
    rest = {"cut": len(content), "replace": place + len(other), "insert": place, "remove": place + len(other)}[how]
    return content[:place] + (other if how in ("replace", "insert") else b"") + content[rest:]


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("kind", ["a.npz", "a.pkl"])
def test_damaged_files(good, tmp_path, kind, cases):
    content = (good / kind).read_bytes()
    count = {True: 0, False: 0}

    @settings(max_examples=cases, deadline=None)
    @given(damages, st.booleans())
    def check(damage, at_the_ends):
        how, place, other = damage
        if at_the_ends:  # where there is more than numbers
            place = place % 800 if place % 2 else len(content) - 1 - place % 800
        place = fresh(tmp_path / "case")
        (place / f"src.{kind[2:]}").write_bytes(damaged(content, (how, damage[1], other)))
        count[outcome(place)] += 1

    check()
    assert count[False] > cases / 4


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("kind", ["npys", "csvs"])
def test_damaged_folders(good, tmp_path, kind, cases):
    files = sorted(path.relative_to(good / kind) for path in (good / kind).rglob("*.*"))

    @settings(max_examples=cases, deadline=None)
    @given(st.sampled_from(files), damages)
    def check(file, damage):
        place = fresh(tmp_path / "case")
        shutil.copytree(good / kind, place / "src")
        (place / "src" / file).write_bytes(damaged((good / kind / file).read_bytes(), damage))
        outcome(place)

    check()


shapes = st_np.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
dtypes = st.sampled_from(["f2", "f4", ">f8", "c8", "i1", "u8", "?", "U3", "S2", "M8[s]", "f4,i4"])
values = st.one_of(
    st_np.arrays(dtypes, shapes),
    st.builds(lambda shape: np.full(shape, np.nan, np.float32), shapes),
    st.builds(lambda shape: np.full(shape, None, object), shapes),
    st.builds(lambda k, n: np.full((1, 3, 25, k), n, np.float32), st.sampled_from([2, 3]), st.floats(width=32)),
)
others = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5), values,
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    st.complex_numbers(), st.sets(st.integers(), max_size=2), st.just(np.float64(2.5)), st.just(np.str_("a")),
    st.just(SimpleNamespace(a=1)), st.just(range(3)), st.just(np.dtype("f4")), st.just(...),
)  # fmt: skip


@pytest.mark.parametrize("cases", CASES)
def test_pkl_files_of_other_values(tmp_path, cases):
    keys = ["split", "annotations", "frame_dir", "label", "total_frames", "keypoint", "keypoint_score", "img_shape"]

    @settings(max_examples=cases, deadline=None)
    @given(st.sampled_from(keys), others, st.sampled_from([2, 4, 5]), st.sampled_from([2, 3]), st.booleans())
    def check(key, value, protocol, dimensions, is_missing):
        keypoint = positions()[0].reshape(-1, 2, 25, 3).transpose(1, 0, 2, 3)[..., :dimensions]
        one = {"frame_dir": NAMES[0], "label": 0, "total_frames": 3, "keypoint": keypoint, "img_shape": (9, 16)}
        content = {"split": {"a_train": NAMES[:1], "a_val": NAMES[:1]}, "annotations": [one]}
        into = content if key in content else one
        if is_missing:
            into.pop(key, None)
        else:
            into[key] = value
        place = fresh(tmp_path / "case")
        (place / "src.pkl").write_bytes(pickle.dumps(content, protocol))
        good = outcome(place)
        assert not (good and is_missing and key not in ("keypoint_score", "img_shape"))

    check()


@pytest.mark.parametrize("cases", CASES)
def test_npz_and_npy_files_of_other_arrays(tmp_path, cases):
    keys = ["x_train", "y_train", "x_test", "y_test"]

    @settings(max_examples=cases, deadline=None)
    @given(st.sampled_from([*keys, "clip"]), values)
    def check(key, value):
        place = fresh(tmp_path / "case")
        if key == "clip":
            (place / "src").mkdir()
            np.save(place / "src" / "a.npy", value, allow_pickle=True)
            (place / "src" / "labels.csv").write_text("file,label\na.npy,0\n")
        else:
            x, y = np.ones((2, 3, 150), np.float32).cumsum(2), np.eye(2)
            np.savez(place / "src.npz", **(dict(zip(keys, (x, y, x, y), strict=True)) | {key: value}))
        outcome(place)

    check()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x_train": None}, "it lacks x_train; expected x_train, y_train, x_test and y_test"),
        ({"x_test": np.ones((2, 3, 149), "f4")}, r"x_test has shape \(2, 3, 149\), expected \(N, T, M \* 25 \* 3\)"),
        ({"x_test": np.ones((2, 4, 150), "f4")}, r"x_train and x_test are \(2, 3, 150\) and \(2, 4, 150\)"),
        ({"x_test": np.asfortranarray(np.ones((2, 3, 150), "f4"))}, "x_test is float32, by columns, expected numbers"),
        ({"x_test": np.array([None])}, "x_test is object, expected numbers, by rows"),
        ({"y_test": np.ones((2, 2))}, "row 0 of y_test has 2 numbers above 0, expected one, at the class"),
        ({"y_test": np.eye(2, 1)}, "row 1 of y_test has 0 numbers above 0"),
        ({"y_test": np.eye(3)}, "y_test has 3 rows, expected 2, as x_test"),
        ({"y_test": np.ones(2)}, r"y_test has shape \(2,\), expected \(N, classes\), at most 1000"),
        ({"x_test": np.zeros((2, 3, 150))}, "in the split given one side has no clip in which somebody is seen"),
        ({"x_test": np.array([1, np.nan] * 450).reshape(2, 3, 150)}, "clip test_0 has positions that are not finite"),
        ({"x_test": np.arange(900.0).reshape(2, 3, 150) * 1e36}, "clip test_0 has positions beyond what float32 holds"),
    ],
)  # fmt: skip
def test_npz_files_that_are_wrong_are_named(tmp_path, change, said):
    x, y = np.arange(900, dtype=np.float32).reshape(2, 3, 150), np.eye(2)
    content = {"x_train": x, "y_train": y, "x_test": x, "y_test": y} | change
    np.savez(tmp_path / "src.npz", **{key: value for key, value in content.items() if value is not None})
    with pytest.raises(TaskError, match=said):
        convert.convert(Config(tmp_path / "src.npz", tmp_path / "set"))
    assert os.listdir(tmp_path) == ["src.npz"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("labels.csv", "file,label\n", "labels.csv names no clips"),
        ("labels.csv", "file,label,file\n", "begins with file, label, file, expected columns named file and label"),
        ("labels.csv", "file,label\na.npy,\n", "line 2 has no label"),
        ("labels.csv", "file,label\na.npy,-1\n", "the clip a has the label -1, expected 0 to 999"),
        ("labels.csv", "file,label\n../x.npy,0\n", "names the file '../x.npy', expected one in the folder"),
        ("labels.csv", "file,label\n/dev/zero,0\n", "names the file '/dev/zero', expected one in the folder"),
        ("labels.csv", "file,label\nb.npy,0\n", "there is no .*b.npy"),
        ("labels.csv", "file,label,split\na.npy,0,tset\n", "split has 'tset', expected train, test or nothing"),
        ("labels.csv", "file,label,split\na.npy,0,train\n", "the column split has no clip for the test"),
        ("labels.csv", "file,label,length\na.npy,0,3\n", "called 'length', expected letters, digits and _, other than"),
        ("labels.csv", "file,label,a/b\na.npy,0,3\n", "called 'a/b', expected letters"),
        ("a.npy", np.ones((3, 25, 2)), r"has shape \(3, 1, 25, 2\), expected \(T, M, P, 3\)"),
        ("a.npy", np.ones((0, 25, 3)), r"is float64 \(0, 25, 3\), expected numbers"),
        ("a.npy", np.array([None]), "is not an array of numbers: Array can't be memory-mapped"),
        ("a.npy", np.ones((3, 7, 3)).cumsum(1), "has 7 joints of each person; give the parent of each"),
    ],
)  # fmt: skip
def test_folders_that_are_wrong_are_named(tmp_path, name, content, said):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "labels.csv").write_text(content if isinstance(content, str) else "file,label\na.npy,0\n")
    clip = np.arange(225.0).reshape(3, 25, 3) if isinstance(content, str) else content
    np.save(tmp_path / "src" / "a.npy", clip, allow_pickle=True)
    with pytest.raises(TaskError, match=said):
        convert.convert(Config(tmp_path / "src", tmp_path / "set"))
    assert os.listdir(tmp_path) == ["src"]


def test_a_set_that_a_table_cannot_hold_is_not_written(tmp_path, capsys):
    made = make_set(tmp_path / "set", name=["a", "b", "c\nd", "e", "f", "g"])
    assert "has the text 'c\\nd'" in error_of(capsys, convert.main, made, tmp_path / "folder")
    twice = make_set(tmp_path / "twice", name=["a", "b", "a", "e", "f", "g"])
    assert "two clips of the set have the same name" in error_of(capsys, convert.main, twice, tmp_path / "a.pkl")
    assert sorted(os.listdir(tmp_path)) == ["set", "twice"]
