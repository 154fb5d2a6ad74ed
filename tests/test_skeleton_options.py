"""What a reader, a stream and an augmentation do to a clip; who is held out; scores, fused; a checkpoint's answer."""

from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from skeleton_clips import exit_status

from tasks.config import TaskError
from tasks.scores import read_scores
from tasks.skeleton_action import arrays, evaluate, fuse, ntu, render, train
from tasks.skeleton_action.augmentation import Augmentation, mirrored_joints
from tasks.skeleton_action.network import SkeletonNetwork
from tasks.skeleton_action.placing import Center, bone_lengths, placed
from tasks.skeleton_action.samples import Reader, SampledClips
from tasks.skeleton_action.sampling import Sampling, drawn_frames
from tasks.skeleton_action.settings import Config
from tasks.skeleton_action.streams import Stream, stream_of
from tasks.skeleton_action.task import holds_out_views, make_task
from tasks.skeleton_action.validation import hold_out

PARENTS = (0, 0, 1, 0, 3)
RNG = np.random.default_rng(0)


def own_set(folder, columns):
    """24 clips of two persons of five joints, three subjects, two views, 3 to 26 frames; the second often absent."""
    rng = np.random.default_rng(1)
    clips = [rng.normal(n % 2, 0.3, (3 + n, 10, 3)) + rng.normal(size=3) for n in range(24)]
    for clip in clips[::3]:
        clip[1:, 5:] = 0
    names = [f"clip {n}" for n in range(24)]
    splits = {"mine": (range(18), range(18, 24)), "views": (range(0, 24, 2), range(1, 24, 2))}
    labels = [n % 2 for n in range(24)]
    named = {"classes": ["sit", "rise"], "columns": columns}
    arrays.write(folder, clips, (24, 26, 10), "float32", labels, names, PARENTS, splits, **named)
    return folder


GROUPS = {"subject": [n % 3 for n in range(24)], "view": ["left" if n % 2 else "right" for n in range(24)]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return own_set(tmp_path_factory.mktemp("own") / "set", GROUPS)


@pytest.fixture(scope="module")
def run(folder):
    """The folder of a short run with all frames."""
    train.main(small(folder, "run", "--sampling", "all"))
    return folder.parent / "run"


def small(folder, name, *more):
    settings = "--steps 6 --evaluate-every 3 --batch-size 4 --hidden-size 8 --num-layers 2 --votes 5 --threads 1"
    return [
        "--data-dir",
        str(folder),
        "--split",
        "mine",
        "--runs",
        str(folder.parent),
        "--name",
        name,
        *settings.split(),
        *more,
    ]


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_no_rule_reads_outside_a_clip(sampling):
    for length in range(1, 130):
        for size in (1, 2, 7, 20, 64):
            frames = drawn_frames(sampling, length, size, RNG)
            there = frames[frames >= 0]
            assert len(frames) == (length if sampling == "all" else size)
            assert len(there) and frames.min() >= -1 and frames.max() < length and (np.diff(there) >= 0).all()
            assert sampling == "published" or len(there) == len(frames)


@pytest.mark.parametrize("stream", get_args(Stream))
def test_streams_are_those_of_a_loop(stream):
    clips = torch.randn(6, 2, 10, 3)
    expected = torch.zeros(6, 2, 10, 3)
    for person in (0, 5):
        for joint, parent in enumerate(PARENTS):
            for t in range(6):
                now, before = (clips[s, :, person + joint].clone() for s in (t, max(t - 1, 0)))
                if stream.startswith("bone"):
                    now -= clips[t, :, person + parent]
                    before -= clips[max(t - 1, 0), :, person + parent]
                expected[t, :, person + joint] = now - before if stream.endswith("motion") else now
    torch.testing.assert_close(stream_of(clips, PARENTS, stream), expected)
    network = SkeletonNetwork(Config(hidden_size=4, num_layers=1, stream=stream), 10, PARENTS, 2)
    torch.testing.assert_close(network.features(clips), expected.flatten(2))


def test_left_and_right_of_a_body():
    left = (4, 5, 6, 7, 21, 22, 12, 13, 14, 15)
    right = (8, 9, 10, 11, 23, 24, 16, 17, 18, 19)
    expected = dict(zip((*left, *right), (*right, *left), strict=True))
    assert mirrored_joints(ntu.PARENTS) == [expected.get(joint, joint) for joint in range(25)]
    with pytest.raises(TaskError, match="cannot tell left from right: joint 0 has 3 equal branches"):
        Augmentation((0, 0, 0, 0), mirror=True)


def bodies(frames, seed=0):
    """Two persons, (frames, 50, 3), the second absent at first; and the same as (frames, 2, 25, 3)."""
    clip = np.random.default_rng(seed).normal(size=(frames, 2, 25, 3)).astype(np.float32)
    clip[: frames // 2, 1] = 0
    return clip.reshape(frames, 50, 3), clip


def test_rotations_and_mirrors_keep_the_lengths_of_bones_and_the_absence_of_persons():
    clip, persons = bodies(8)
    augmented = Augmentation(ntu.PARENTS, rotation=60, mirror=True)
    handed = 0
    for seed in range(30):
        changed = augmented(clip, np.random.default_rng(seed)).reshape(persons.shape)
        mirrored = persons[:, :, mirrored_joints(ntu.PARENTS)]
        lengths = [bone_lengths(one, ntu.PARENTS) for one in (changed, persons, mirrored)]
        same = [np.allclose(lengths[0], one, atol=1e-5) for one in lengths[1:]]
        assert sum(same) == 1 and not changed[:4, 1].any() and changed[4:, 1].all(-1).any()
        source = persons if same[0] else mirrored
        matrix, *_ = np.linalg.lstsq(source.reshape(-1, 3), changed.reshape(-1, 3), rcond=None)
        np.testing.assert_allclose(source @ matrix, changed, atol=1e-5)  # one matrix for all frames
        np.testing.assert_allclose(np.linalg.det(matrix), 1 if same[0] else -1, atol=1e-5)
        handed += same[1]
    assert 8 <= handed <= 22


def test_axes_shears_and_joints_change_by_what_is_asked_for():
    clip, _ = bodies(8)
    for seed in range(30):
        ratio = Augmentation(ntu.PARENTS, resize=0.2)(clip, np.random.default_rng(seed))[:, :25] / clip[:, :25]
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0, 0], ratio.shape), rtol=1e-4)
        assert (abs(ratio - 1) < 0.2 + 1e-5).all() and np.ptp(ratio[0, 0]) > 0
        changed = Augmentation(ntu.PARENTS, shear=0.3)(clip, np.random.default_rng(seed))
        matrix, *_ = np.linalg.lstsq(clip.reshape(-1, 3), changed.reshape(-1, 3), rcond=None)
        np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-5)
        assert matrix[~np.eye(3, dtype=bool)].all() and (abs(matrix - np.eye(3)) < 0.3 + 1e-5).all()
    hidden = [
        (Augmentation(ntu.PARENTS, joint_dropout=0.3)(clip, np.random.default_rng(seed)) == 0).all((0, 2)).mean()
        for seed in range(100)
    ]
    assert 0.25 < np.mean(hidden) < 0.35
    dropped = Augmentation(ntu.PARENTS, joint_dropout=0.3)(clip, RNG)
    kept = (dropped != 0).any((0, 2))
    assert np.array_equal(dropped[:, kept], clip[:, kept])


@pytest.mark.parametrize("center", get_args(Center))
def test_where_the_origin_is(center):
    clip, persons = bodies(8)
    made = placed(clip, ntu.PARENTS, center, "none").reshape(persons.shape)
    expected = np.array(persons)
    for frame in range(8):
        for person in range(2):
            origin = {"none": np.zeros(3), "clip": persons[0, 0, 0], "frame": persons[frame, 0, 0]}
            expected[frame, person] -= origin.get(center, persons[frame, person, 0])
    expected[:4, 1] = 0
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_the_first_who_is_seen_is_in_the_middle():
    clip, persons = bodies(8)
    swapped = persons[:, ::-1].copy()
    swapped[:2] = 0
    made = placed(swapped.reshape(clip.shape), ntu.PARENTS, "clip", "none").reshape(persons.shape)
    assert not made[:2].any() and not made[2, 1, 0].any()
    np.testing.assert_allclose(made[6, 0, 3] - made[2, 1, 3], persons[6, 1, 3] - persons[2, 0, 3], atol=1e-6)


def test_a_unit_of_the_body_takes_away_its_size_but_not_its_shape():
    clip, persons = bodies(8)
    small, large = (placed(size * clip, ntu.PARENTS, "clip", "body") for size in (1, 1.7))
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-6)
    seen = small.reshape(persons.shape)[persons.any((2, 3))]
    assert np.median(bone_lengths(seen, ntu.PARENTS).mean(-1)) == pytest.approx(1)
    with pytest.raises(TaskError, match="--scale body needs bones"):
        placed(clip, (0,), "none", "body")


def test_all_frames_of_a_clip_give_what_it_gives_alone(folder):
    clips = arrays.read_set(folder)
    data = SampledClips(Reader(clips, "all", "clip", "none"), np.arange(24), 20, seed=0)
    batch = data.__getitems__([0, 9, 20])
    assert [len(frames) for frames, _ in batch] == [23] * 3
    torch.testing.assert_close(batch[0][0][:3], data[0][0])
    assert batch[0][0][3:].isnan().all()
    for options in ({}, {"model": "gru"}, {"differences": True, "stream": "bone-motion"}, {"readout": "mean"}):
        network = SkeletonNetwork(Config(hidden_size=8, num_layers=2, sampling="all", **options), 10, PARENTS, 2)
        network.eval()
        together = network(torch.stack([frames for frames, _ in batch]))
        alone = torch.cat([network(data[index][0].unsqueeze(0)) for index in (0, 9, 20)])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
        together.sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_whole_subjects_and_views_are_held_out(folder):
    clips, training = arrays.read_set(folder), np.arange(18)
    for by, groups in (("subject", clips.subject), ("auto", clips.subject), ("view", clips.view)):
        found = set()
        for seed in range(20):
            left, held = hold_out(clips, training, by, [], seed)
            assert sorted([*left, *held]) == training.tolist() and len(set(groups[held])) == 1
            assert not set(groups[left]) & set(groups[held])
            found |= set(groups[held])
        assert found == set(groups)
    left, held = hold_out(clips, training, "subject", ["2", "0"], 0)
    assert set(clips.subject[held]) == {0, 2} and set(clips.subject[left]) == {1}
    left, held = hold_out(clips, training, "random", [], 0)
    assert (len(left), len(held)) == (17, 1) and sorted([*left, *held]) == training.tolist()
    unknown = arrays.SkeletonSet(clips.data, clips.length, clips.label, clips.name, clips.parents)
    assert np.array_equal(hold_out(unknown, training, "auto", [], 0)[1], held)
    for by, names, message in (
        ("subject", ["7"], "--held-out has 7, expected some of 0, 1, 2"),
        ("view", ["left", "right"], "holds out all that is for training: left, right"),
        ("random", ["0"], "it needs --validation subject or view"),
    ):
        with pytest.raises(TaskError, match=message):
            hold_out(clips, training, by, names, 0)
    with pytest.raises(TaskError, match=r"--validation view needs view\.npy in the set"):
        hold_out(unknown, training, "view", [], 0)


def test_an_unseen_view_is_trained_for_with_rotations_unless_they_are_given(folder):
    cases = (
        ("mine", {}, 0.0),
        ("views", {}, 60.0),
        ("views", {"rotation": 5.0}, 5.0),
        ("views", {"rotation": 0.0}, 0.0),
    )
    for split, options, degrees in cases:
        task = make_task(Config(data_dir=str(folder), split=split, hidden_size=4, num_layers=1, **options))
        assert task.training.augmentation.rotation == degrees
        assert task.validation.augmentation is None and task.test.augmentation is None
    assert holds_out_views("cross_view", None, np.arange(2), np.arange(2, 4))


def test_what_a_set_says_of_subjects_and_views_must_fit(tmp_path):
    plain = arrays.read_set(own_set(tmp_path / "plain", {}))
    assert plain.subject is None and plain.view is None
    for values, message in (
        (np.zeros(24), "is float64, expected whole numbers or text"),
        (np.arange(5), "has shape"),
    ):
        np.save(tmp_path / "plain" / "subject.npy", values)
        with pytest.raises(TaskError, match=message):
            arrays.read_set(tmp_path / "plain")


def test_scores_of_a_checkpoint_are_written_and_fused(folder, run, tmp_path, capsys):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    capsys.readouterr()
    evaluate.main(["--checkpoint", str(run / "best.pt"), "--scores", str(one)])
    accuracy = capsys.readouterr().out.split("accuracy ")[1].split(",")[0]
    found = read_scores(one)
    assert found.names.tolist() == [f"clip {n}" for n in range(18, 24)] and found.labels.tolist() == [0, 1] * 3
    assert f"{100 * (found.scores.argmax(1) == found.labels).mean():.2f} %" == accuracy
    scores = np.array(((3, 0), (0, 1), (3, 0), (0, 1), (0, 5), (5, 0)), np.float32)  # four of six are right
    np.savez(two, scores=scores, labels=found.labels, names=found.names)
    other = scores[:, ::-1] / 4
    np.savez(one, scores=other, labels=found.labels, names=found.names)
    fuse.main([str(two), str(one)])
    expected = {two: 66.67, one: 33.33, "all": 66.67}
    said = [f"{name}: accuracy {share} %, 6 samples" for name, share in expected.items()]
    assert capsys.readouterr().out.splitlines() == said
    fuse.main([str(two), str(one), "--weights", "0.1", "0.9"])
    assert "all: accuracy 33.33 %" in capsys.readouterr().out
    parts = [torch.from_numpy(part.copy()).softmax(1).numpy() for part in (scores, other)]
    fused = fuse.fuse([read_scores(two), read_scores(one)], [3, 7])
    np.testing.assert_allclose(fused, 0.3 * parts[0] + 0.7 * parts[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "arguments", "message"),
    [
        ({"names": np.array(["b", "a"])}, [], "is of other clips than"),
        ({"labels": np.array([1, 1])}, [], "their labels differ"),
        ({"scores": np.zeros((2, 3), np.float32)}, [], "has 3 classes, and"),
        ({"scores": np.full((2, 2), np.nan)}, [], "is not a file that evaluate --scores wrote: scores that are not"),
        ({"scores": np.zeros((3, 2))}, [], "arrays that do not fit each other"),
        ({"names": np.array(["a", None])}, [], "is not a file that evaluate --scores wrote"),
        ({}, ["--weights", "1"], "--weights has 1 numbers, expected one above 0 for each file"),
        ({}, ["--weights", "2", "-1"], "--weights has -1.0, expected numbers of 0 or above"),
        ({}, ["missing.npz"], "missing.npz cannot be read"),
        ({}, ["text.npz"], "text.npz is not a file that evaluate --scores wrote"),
    ],
)  # fmt: skip
def test_scores_of_other_clips_are_refused_in_a_line(tmp_path, monkeypatch, capsys, changed, arguments, message):
    monkeypatch.chdir(tmp_path)
    good = {"scores": np.eye(2, dtype=np.float32), "labels": np.array([0, 1]), "names": np.array(["a", "b"])}
    np.savez("a.npz", **good)
    np.savez("b.npz", **(good | changed))
    (tmp_path / "text.npz").write_text("no archive")
    assert exit_status(fuse.main, ["a.npz", "b.npz", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_a_picture_s_title_says_what_a_checkpoint_takes_the_clip_for(folder, run, tmp_path):
    evaluate.main(["--checkpoint", str(run / "best.pt"), "--scores", str(tmp_path / "a.npz")])
    scores = torch.from_numpy(read_scores(tmp_path / "a.npz").scores).softmax(1)
    for number, probabilities in zip(range(18, 24), scores, strict=True):
        title = render.of_set(folder, f"clip {number}", run / "best.pt").title
        answer, share = ["sit", "rise"][probabilities.argmax()], 100 * probabilities.max()
        assert title == f"clip {number}: true {['sit', 'rise'][number % 2]}, predicted {answer} ({share:.0f} %)"
    render.main([str(folder), str(tmp_path / "clip.png"), "--clip", "20", "--checkpoint", str(run / "best.pt")])
    Image.open(tmp_path / "clip.png").verify()


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (train.main, ["--sampling", "all", "--random-time"], "--sampling all takes all; leave out one"),
        (train.main, ["--resize", "1"], "--resize is 1.0, expected a number from 0 to below 1"),
        (train.main, ["--rotation", "181"], "--rotation is 181.0, expected a number from 0 to 180"),
        (train.main, ["--data-dir", "set", "--split", "mine", "--held-out", "5"], "has 5, expected some of 0, 1, 2"),
        (render.main, ["a.npz", "a.gif", "--checkpoint", "run/best.pt"], "--checkpoint need the folder of a set"),
        (render.main, ["set", "a.gif", "--checkpoint", "none.pt"], "none.pt cannot be read"),
        (render.main, ["other", "a.gif", "--checkpoint", "run/best.pt"], "other is another set than that of"),
        (evaluate.main, ["--checkpoint", "run/best.pt", "--scores", "no/a.npz"], "no/a.npz cannot be written"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_in_a_line(folder, run, monkeypatch, capsys, main, arguments, message):
    monkeypatch.chdir(folder.parent)
    if not (folder.parent / "other").exists():
        clips = np.random.default_rng(0).normal(size=(4, 3, 3, 3))
        arrays.write(folder.parent / "other", clips, (4, 3, 3), "float32", [0, 1, 0, 1], list("abcd"), (0, 0, 1), {})
    assert exit_status(main, arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error, error


@pytest.mark.parametrize("model", ["indrnn", "lstm"])
def test_every_option_together_trains(folder, model):
    options = "--center frame --scale body --stream bone-motion --mirror --rotation 20 --resize 0.1 --shear 0.1"
    more = "--joint-dropout 0.1 --sampling crop --joint-lines --differences --validation view"
    train.main(small(folder, f"all-{model}", *options.split(), *more.split(), "--model", model))
