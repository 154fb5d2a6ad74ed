"""From arrays to a training set: who is who, splits and their counts, the array format; a real set in that format."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from skeleton_clips import clip, exit_status, standing

from tasks.config import TaskError
from tasks.skeleton_action import arrays, npy2data, ntu, train
from tasks.skeleton_action.bodies import by_id, by_order, has_data, is_still, motion
from tasks.skeleton_action.samples import Reader, SampledClips
from tasks.skeleton_action.task import class_names

UI_PRMD = Path(__file__).resolve().parents[2] / "shared" / "data" / "ui_prmd.npz"
ALL = slice(None)


def where(person, positions):
    """That a person is this one, in these frames alone."""
    return sorted(person) == list(range(len(positions))) and np.allclose(
        np.stack([person[frame] for frame in sorted(person)]), positions, atol=1e-6
    )


def one(persons, track):
    (found,) = [person for person in persons if where(person, track)]
    return found


def test_a_tracking_id_that_changes_is_the_same_person():
    a, b = standing(0, 40, seed=1), standing(1.5, 40, seed=2)
    persons = by_id(clip((0, slice(0, 25), a[:25]), (5, slice(25, 40), a[25:]), (1, ALL, b), frames=40), True)
    one(persons, a), one(persons, b)


def test_one_id_is_one_person_whatever_it_does():
    track = standing(0, 30)
    track[[7, 8, 20]] += 0.6
    track[25:] += 3
    persons = by_id(clip((0, ALL, track), frames=30), True)
    assert where(persons[0], track) and not persons[1]
    assert by_id(clip((0, ALL, track[:5]), frames=5), True)[0]


def test_a_longer_gap_allows_a_longer_way():
    walker, other = standing(0, 60, seed=1), standing(4, 60, seed=2)
    walker += np.linspace(0, 3, 60)[:, None, None] * (1, 0, 0)
    seen = [(0, slice(0, 25), walker[:25]), (2, slice(40, 60), walker[40:]), (1, slice(0, 24), other[:24])]
    persons = by_id(clip(*seen, frames=60), False)
    assert sorted(map(len, persons)) == [24, 45]


def test_both_ids_change_and_the_nearer_goes_on():
    a, b = standing(0, 40, seed=1), standing(1.5, 40, seed=2)
    seen = [
        (0, slice(0, 20), a[:20]),
        (1, slice(0, 20), b[:20]),
        (2, slice(20, 40), b[20:]),
        (3, slice(20, 40), a[20:]),
    ]
    persons = by_id(clip(*seen, frames=40), True)
    one(persons, a), one(persons, b)


def test_ids_that_are_exchanged_are_told_apart():
    a, b = standing(0, 40, seed=1), standing(1.5, 40, seed=2)
    seen = [(0, ALL, np.concatenate((a[:20], b[20:]))), (1, ALL, np.concatenate((b[:20], a[20:])))]
    persons = by_id(clip(*seen, frames=40), True)
    one(persons, a), one(persons, b)


def test_ids_beyond_a_float_s_precision_stay_apart():
    made = clip((0, ALL, standing(0, 30)), (1, ALL, standing(2, 30)), frames=30)
    assert len(np.unique(made["body_id"].astype(float))) == 1
    assert [len(person) for person in by_id(made, True)] == [30, 30]


@pytest.mark.parametrize("ghost", ["short", "wide", "small", "still", "wild"])
def test_a_ghost_is_dropped_but_the_last_body_is_not(ghost):
    person = standing(0, 40)
    frames = slice(5, 15) if ghost == "short" else ALL
    body = {
        "short": standing(1.5, 10, seed=1),
        "wide": standing(1.5, 40, seed=1)[..., [1, 0, 2]] * (1, 0.3, 1),
        "small": standing(1.5, 40, seed=1) * 0.3,
        "still": standing(1.5, 1, seed=1) + np.random.default_rng(2).normal(0, 3e-4, (40, 25, 3)),
        "wild": standing(1.5, 40, seed=1) + np.linspace(0, 6, 40)[:, None, None] * (0.9, 0, 0),
    }[ghost]
    persons = by_id(clip((0, ALL, person), (1, frames, body), frames=40), True)
    assert where(persons[0], person.astype(np.float32)) and not persons[1]
    kept = by_id(clip((0, ALL, person), (1, frames, body), frames=40), False)
    assert sorted(map(len, kept)) == sorted((40, len(body)))
    assert by_id(clip((1, frames, body), frames=40), True)[0]


def test_of_ghosts_alone_one_that_moves_stays():
    still, moving = np.tile(standing(0, 1), (40, 1, 1)), standing(1.5, 8, seed=1)
    persons = by_id(clip((0, ALL, still), (1, slice(0, 8), moving), frames=40), True)
    assert where(persons[0], moving) and not persons[1]


@pytest.mark.skipif(not UI_PRMD.exists(), reason="needs ui_prmd.npz")
def test_real_people_at_rest_are_not_still():
    """Every 12 frames in a row of 1,000 recordings, many of which begin and end at rest."""
    with np.load(UI_PRMD, allow_pickle=False) as file:
        frames, length = file["frames"], file["length"]
    windows = [
        part[start : start + 12]
        for part in np.split(frames.astype(float), np.cumsum(length)[:-1])
        for start in range(0, len(part) - 11, 12)
    ]
    assert len(windows) > 5000 and not any(is_still(dict(enumerate(window))) for window in windows)


FILLERS = [0, -7.5, 1e6, np.nan, np.inf]


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("find", [by_order, lambda made: by_id(made, True), lambda made: by_id(made, False)])
def test_frames_without_data_are_frames_in_which_a_body_is_not_there(filler, find):
    """Neither jumps nor places in the list change by them; those who are there are what they were."""
    a, b = standing(0, 40, seed=1), standing(1.5, 40, seed=2)
    holes = {0: [0, 1, 17, 18, 39], 1: [5, 17]}
    filled = [np.array(a), np.array(b)]
    for body, frames in holes.items():
        filled[body][frames] = filler
    persons = find(clip((0, ALL, filled[0]), (1, ALL, filled[1]), frames=40))
    for track, frames in zip((a, b), holes.values(), strict=True):
        left = np.setdiff1d(np.arange(40), frames)
        (found,) = [person for person in persons if sorted(person) == left.tolist()]
        np.testing.assert_allclose([found[frame] for frame in left], track[left], atol=1e-6)


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("tracking", ["id", "order"])
def test_the_origin_is_not_a_frame_without_data(filler, tracking):
    track = standing(0, 30)
    filled = np.array(track)
    filled[[0, 1, 12]] = filler
    made = clip((0, ALL, filled), frames=30)
    left = np.setdiff1d(np.arange(30), [0, 1, 12])
    cut = npy2data.persons(made, config(tracking=tracking)).reshape(-1, 2, 25, 3)
    np.testing.assert_allclose(cut[:, 0], track[left] - track[2, 1], atol=1e-5)
    kept = npy2data.persons(made, config(tracking=tracking, empty_frames="keep")).reshape(-1, 2, 25, 3)
    np.testing.assert_allclose(kept[left, 0], track[left] - track[2, 1], atol=1e-5)
    assert not kept[[0, 1, 12]].any() and not cut[:, 1].any() and not kept[:, 1].any()


def test_what_counts_as_data():
    body = standing(0, 1)[0]
    half, one = np.array(body), np.full((25, 3), np.nan)
    half[:13], one[4] = np.nan, body[4]
    assert has_data(np.stack((body, body * 0, body * 0 + 3, half, one))).tolist() == [True, False, False, True, True]
    point = np.array([[[1.0, 2, 3]], [[0, 0, 0]], [[np.nan] * 3]])  # one joint is always at one point
    assert has_data(point).tolist() == [True, False, False]


def test_a_third_person_has_no_place_and_the_one_who_moves_most_is_first():
    still, moving = standing(0, 40, seed=1), standing(1.5, 40, seed=2)
    moving[:, 7] += np.sin(np.arange(40))[:, None]
    third = standing(3, 20, seed=3)
    persons = by_id(clip((0, ALL, still), (1, ALL, moving), (2, slice(10, 30), third), frames=40), True)
    assert where(persons[0], moving) and where(persons[1], still)
    assert motion(persons[0]) > motion(persons[1]) > motion({})


def test_by_order_takes_places_in_the_file():
    made = clip((3, ALL, standing(0, 4)), (1, slice(2, 4), standing(1, 2)), (2, ALL, standing(2, 4)), frames=4)
    persons = by_order(made)
    assert [len(p) for p in persons] == [4, 4]
    assert np.array_equal(persons[1][0], made["position"][1]) and np.array_equal(
        persons[1][3], made["position"][10 - 2]
    )


def config(**options):
    return npy2data.Config(Path(), Path(), **options)


def test_the_origin_keeps_or_loses_the_way_between_two_persons():
    a, b = standing(0, 30, seed=1), standing(1.5, 30, seed=2)
    made = clip((0, slice(0, 30), a), (1, slice(10, 30), b[10:]), frames=32)
    whole = npy2data.persons(made, config()).reshape(30, 2, 25, 3)
    order = (0, 1) if np.allclose(whole[20, 0] - whole[20, 0, 1], a[20] - a[20, 1], atol=1e-5) else (1, 0)
    first, second = (a, b) if order == (0, 1) else (b, a)
    begin = 0 if order == (0, 1) else 10
    origin = first[begin, 1]
    np.testing.assert_allclose(whole[20:], np.stack((first[20:30], second[20:30]), 1) - origin, atol=1e-5)
    absent = 1 if order == (0, 1) else 0
    assert not whole[:10, absent].any() and whole[:10, 1 - absent].any()
    lost = npy2data.persons(made, config(center="body")).reshape(30, 2, 25, 3)
    np.testing.assert_allclose(lost[20:, 0], first[20:30] - first[20:30, 1:2], atol=1e-5)
    assert not lost[:, :, 1].any()
    kept = npy2data.persons(made, config(center="none", empty_frames="keep"))
    assert kept.shape == (32, 50, 3) and not kept[30:].any() and kept[29].any()
    assert len(npy2data.persons(made, config(frames=7))) == 7


def test_upright_turns_spine_and_shoulders():
    position = standing(0, 1)[0]
    turned = position @ npy2data.upright(position).T
    spine, shoulders = turned[1] - turned[0], turned[4] - turned[8]
    assert spine[1] > 0 and abs(spine[0]) + abs(spine[2]) < 1e-9 and abs(shoulders[2]) < 1e-9 and shoulders[0] > 0
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (position, turned)]
    np.testing.assert_allclose(*distances, atol=1e-9)
    assert np.array_equal(npy2data.upright(np.zeros((25, 3))), np.eye(3))


def official_names():
    """Names with the official numbers of setups, subjects, cameras, replications and actions, for both data sets."""

    def clips(pairs, actions):
        return [
            ntu.ClipName(setup, camera, subject, replication, action)
            for (setup, subject), camera, replication, action in itertools.product(pairs, (1, 2, 3), (1, 2), actions)
        ]

    def pairs(setups, training, test, count):
        """As many pairs of a setup with a subject for training, and for the test."""
        both = [[(s, p) for s in setups for p in people] for people in (training, test)]
        return [pair for all_, n in zip(both, count, strict=True) for pair in all_[:n]]

    known = sorted(ntu.TRAINING_SUBJECTS)
    early, late = [p for p in known if p <= 40], [p for p in known if p > 40]
    others = [p for p in range(1, 41) if p not in known], [p for p in range(41, 107) if p not in known]
    sixty = clips(pairs(range(1, 18), early, others[0], (112, 46)), range(1, 61))
    even, odd = range(18, 33, 2), range(19, 33, 2)
    even_sixty = len({(n.setup, n.subject) for n in sixty if n.setup % 2 == 0})
    left = 152 - even_sixty
    more = pairs(even, late, others[1], (64, left - 64)) + pairs(odd, late, others[1], (0, 160 - left))
    return sixty, clips(more, range(61, 121))


def test_splits_have_the_official_counts(capsys):
    sixty, rest = official_names()
    assert len(sixty) == 56_880 and len(sixty) + len(rest) == 114_480
    found = npy2data.split_clips(sixty, "ntu60")
    assert {k: tuple(map(len, v)) for k, v in found.items()} == {
        "cross_subject": (40_320, 16_560), "cross_view": (37_920, 18_960),
    }  # fmt: skip
    found = npy2data.split_clips(sixty + rest, "ntu120")
    assert {k: tuple(map(len, v)) for k, v in found.items()} == {
        "cross_subject": (63_360, 51_120), "cross_setup": (54_720, 59_760),
    }  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4 and all(line.endswith("; the official counts") for line in said)
    training, test = found["cross_setup"]
    names = sixty + rest
    assert {names[n].setup % 2 for n in training} == {0} and {names[n].setup % 2 for n in test} == {1}


def test_the_missing_list_gives_the_other_official_counts_and_a_lost_file_neither(tmp_path, capsys):
    """As many are missing of each side of both splits as the official list has: 229 and 73, 274 and 28."""
    sixty, _ = official_names()
    sides = {key: [] for key in itertools.product((True, False), repeat=2)}
    for name in sixty:
        sides[ntu.cross_subject(name), ntu.cross_view(name)].append("S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*name))
    wanted = {(True, True): 210, (True, False): 19, (False, True): 64, (False, False): 9}
    missing = [name for side, count in wanted.items() for name in sides[side][:count]]
    listed = tmp_path / "missing.txt"
    listed.write_text("These are missing:\r\n\r\n" + "\r\n".join(missing))
    src = tmp_path / "clips"
    src.mkdir()
    kept = [name for side in sides.values() for name in side]
    for name in [*kept, "S018C001P041R001A061", "notes"]:
        (src / f"{name}.npz").touch()
    with open(listed, "a") as file:
        file.write("\r\nS001C001P040R002A061\r\n")  # in the list, but not among the files
    clips = npy2data.chosen_clips(npy2data.Config(src, tmp_path / "set", missing=listed))
    assert len(clips) == 56_880 - 302
    npy2data.split_clips(list(clips.values()), "ntu60")
    npy2data.split_clips(list(clips.values())[1:], "ntu60")
    said = capsys.readouterr().out.splitlines()
    first = ", ".join(sorted(missing)[:3])
    assert said[:4] == [
        "1 of 56882 clips left out, not named like S001C002P005R002A008: notes",
        "1 of 56882 clips left out, not of ntu60: S018C001P041R001A061",
        f"302 of 56882 clips left out, in the list of --missing: {first} and 299 more",
        f"--missing has 303 names; 302 of them are in {src}",
    ]
    assert said[4].startswith("cross_subject: 40091 for training, 16487 for the test; the official counts without")
    assert said[5].startswith("cross_view: 37646 for training, 18932 for the test; the official counts without")
    assert "not the whole data set, which has 40320 / 16560, without missing skeletons 40091 / 16487" in said[6]


def test_clips_without_any_split_make_no_set(tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    made = clip((0, ALL, standing(0, 20)), frames=20)
    for action in (1, 2, 3):
        np.savez(tmp_path / "clips" / f"S001C001P003R001A00{action}.npz", **made)
    assert exit_status(npy2data.main, [str(tmp_path / "clips"), str(tmp_path / "set")]) == 2
    assert "no split has clips for training and for the test, among 3 of ntu60" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


def test_a_clip_whose_first_two_bodies_have_no_data_is_named(tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    nobody, third = np.zeros((20, 25, 3)), standing(0, 20)
    made = clip((0, ALL, nobody), (1, ALL, nobody), (2, ALL, third), frames=20)
    for subject in (1, 3):
        np.savez(tmp_path / "clips" / f"S001C001P00{subject}R001A001.npz", **made)
    arguments = [str(tmp_path / "clips"), str(tmp_path / "set"), "--tracking"]
    assert exit_status(npy2data.main, [*arguments, "order"]) == 2
    assert "the clip S001C001P001R001A001 has no data in any frame; leave it out" in capsys.readouterr().err
    assert exit_status(npy2data.main, [*arguments, "id"]) == 0
    found = arrays.read_set(tmp_path / "set").data[0, :20, :25]
    np.testing.assert_allclose(found, third - third[0, 1], atol=2e-3)  # float16


def small_set(folder, **changes):
    options = {
        "clips": [np.arange(n * 12.0).reshape(n, 4, 3) for n in (3, 5, 1)], "shape": (3, 5, 4), "dtype": "float16",
        "label": [0, 1, 0], "name": ["a", "b", "c"], "parents": [0, 0], "splits": {"half": ([0, 1], [2])},
    }  # fmt: skip
    arrays.write(folder, **(options | changes))
    return folder


@pytest.mark.parametrize("pad", ["zero", "last", "repeat"])
def test_a_set_comes_back_and_is_padded(tmp_path, pad):
    clips = [np.arange(n * 12.0).reshape(n, 4, 3) for n in (3, 5, 1)]
    folder = small_set(tmp_path / "set", clips=clips, pad=pad)
    found = arrays.read_set(folder)
    assert isinstance(found.data, np.memmap) and found.persons == 2 and found.parents == (0, 0)
    assert (
        found.length.tolist() == [3, 5, 1] and found.label.tolist() == [0, 1, 0] and list(found.name) == ["a", "b", "c"]
    )
    assert np.array_equal(found.data[0, :3], clips[0])
    after = {"zero": np.zeros((2, 4, 3)), "last": clips[0][[2, 2]], "repeat": clips[0][:2]}[pad]
    assert np.array_equal(found.data[0, 3:], after)
    training, test = arrays.read_split(folder, "half", 3)
    assert training.tolist() == [0, 1] and test.tolist() == [2]
    with pytest.raises(TaskError, match="exists; remove it"):
        small_set(folder)


@pytest.mark.parametrize("filler", FILLERS)
def test_whatever_stands_for_an_absent_person_becomes_zeros(tmp_path, filler):
    clips = [1 + np.arange(n * 12.0).reshape(n, 4, 3) for n in (3, 5, 1)]
    filled = [np.array(positions) for positions in clips]
    for positions, row in ((clips[0], 0), (clips[1], 3)):
        positions[row, 2:] = 0
    filled[0][0, 2:] = filled[1][3, 2:] = filler
    found = arrays.read_set(small_set(tmp_path / "set", clips=filled))
    for number, positions in enumerate(clips):
        assert np.array_equal(found.data[number, : len(positions)], positions)
    filled[1][:] = filler
    with pytest.raises(TaskError, match="the clip b has no data in any frame"):
        small_set(tmp_path / "other", clips=filled)
    filled[1][:] = clips[1]
    filled[1][2, 3] = np.nan  # one joint of two
    with pytest.raises(TaskError, match="the clip b has positions that are not finite"):
        small_set(tmp_path / "other", clips=filled)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("filler", FILLERS)
def test_a_set_whose_clip_has_no_data_is_refused_but_one_that_begins_without_is_not(tmp_path, filler):
    folder = small_set(tmp_path / "set", dtype="float32")
    data = np.load(folder / "data.npy")
    data[1, :4] = filler  # of five frames
    np.save(folder / "data.npy", data)
    arrays.read_set(folder)
    data[1, 4] = filler
    np.save(folder / "data.npy", data)
    with pytest.raises(TaskError, match="the clip b has no data in any frame"):
        arrays.read_set(folder)


def test_positions_that_are_not_finite_are_not_trained_on(tmp_path):
    folder = small_set(tmp_path / "set")
    data = np.load(folder / "data.npy")
    data[1, 2, 3, 1] = np.nan
    np.save(folder / "data.npy", data)
    samples = SampledClips(
        Reader(arrays.read_set(folder), "published", "none", "none"), np.arange(3), 5, seed=0, votes=10
    )
    assert samples[0][0].isfinite().all()
    with pytest.raises(TaskError, match="the clip b has positions that are not finite"):
        samples[1]


def test_a_set_that_is_being_written_is_left_alone(tmp_path):
    (tmp_path / ".set.tmp").mkdir()
    with pytest.raises(TaskError, match="is being written, or a process was killed while writing it: remove"):
        small_set(tmp_path / "set")
    assert [p.name for p in tmp_path.iterdir()] == [".set.tmp"]


def test_names_of_classes_and_settings_are_in_the_set(tmp_path):
    folder = small_set(tmp_path / "set", classes=["sit", "stand $"], made_by={"pad": "zero"})
    assert class_names(folder, 2) == ["sit", "stand $"] and "zero" in (folder / "made_by.json").read_text()
    with pytest.raises(TaskError, match="has 2 lines, expected one for each of 3 classes"):
        class_names(folder, 3)
    (folder / "classes.txt").unlink()
    assert class_names(folder, 2) == ["0", "1"]


def test_a_set_that_fails_leaves_nothing(tmp_path):
    def clips():
        yield np.arange(36.0).reshape(3, 4, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_set(tmp_path / "set", clips=clips())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data.npy", np.zeros((3, 5, 4)), "expected float16 or float32 (N, T, J, 3)"),
        ("data.npy", np.zeros((3, 5, 4, 3), np.float64), "expected float16 or float32 (N, T, J, 3)"),
        ("data.npy", np.zeros((3, 5, 3, 3), np.float16), "3 joints, expected a multiple of the 2 of parents.npy"),
        ("length.npy", np.array([3, 6, 1]), "has numbers from 1 to 6, expected 1 to 5"),
        ("length.npy", np.array([3, 0, 1]), "has numbers from 0 to 3, expected 1 to 5"),
        ("label.npy", np.array([0, 1]), "has shape (2,), expected (3,) as data.npy"),
        ("label.npy", np.array([0, -1, 0]), "has numbers from -1 to 0"),
        ("label.npy", np.array([0.0, 1, 0]), "is float64 (3,), expected one or more whole numbers"),
        ("parents.npy", np.array([0, 2]), "has numbers from 0 to 2, expected 0 to 1"),
        ("parents.npy", np.array([1, 0]), "has no root, a joint that is its own parent"),
        ("half_test.npy", np.array([3]), "has numbers from 3 to 3, expected 0 to 2"),
        ("half_train.npy", np.array([], int), "expected one or more whole numbers in a row"),
        ("half_train.npy", np.array([object()]), "is not an array of numbers"),
        ("label.npy", b"not an array", "is not an array of numbers"),
        ("label.npy", b"", "is not an array of numbers"),
        ("label.npy", b"PK\x03\x04", "is not an array of numbers"),
        ("parents.npy", np.array(0), "expected one or more whole numbers in a row"),
        ("name.npy", None, "there is no"),
        ("half_test.npy", None, "has no split half; there are: half"),
    ],
)  # fmt: skip
def test_a_set_that_does_not_fit_is_said_in_a_line(tmp_path, capsys, file, content, message):
    folder = small_set(tmp_path / "set")
    path = folder / file
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(SystemExit) as stop:
        train.main(["--data-dir", str(folder), "--split", "half", "--runs", str(tmp_path / "runs")])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not UI_PRMD.exists(), reason="needs ui_prmd.npz")
def test_ui_prmd_odd_subjects_train_even_test(tmp_path, capsys):
    """Real people, 22 joints, 10 exercises, two of ten with the other hand, in the coordinates of the camera."""
    with np.load(UI_PRMD, allow_pickle=False) as file:
        frames, length, meta = file["frames"], file["length"], file["meta"]
    exercise, subject = meta[:, 0], meta[:, 1]
    clips = np.split(frames.astype(np.float32), np.cumsum(length)[:-1])
    arrays.write(
        tmp_path / "set",
        clips,
        (len(clips), int(length.max()), 22),
        "float32",
        exercise - 1,
        ["E{:02d}S{:02d}R{:02d}".format(*row) for row in meta],
        [0, 0, 1, 2, 3, 4, 2, 6, 7, 8, 2, 10, 11, 12, 0, 14, 15, 16, 0, 18, 19, 20],
        {"subjects": (np.flatnonzero(subject % 2 == 1), np.flatnonzero(subject % 2 == 0))},
        columns={"subject": subject},
    )
    options = [
        "--mirror",
        "--sampling",
        "crop",
        "--validation",
        "random",
        "--steps",
        "400",
        "--runs",
        str(tmp_path),
        "--threads",
        "2",
    ]
    train.main(["--data-dir", str(tmp_path / "set"), "--split", "subjects", *options])
    assert float(capsys.readouterr().out.split("accuracy ")[1].split(" %")[0]) >= 97
