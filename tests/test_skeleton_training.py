"""Sampling, features and the network of skeleton action recognition; generated clips; the picture of a clip."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from skeleton_clips import clip, standing

from tasks import confusion
from tasks.skeleton_action import arrays, evaluate, npy2data, ntu, pictures, render, synthetic, train, txt2npy
from tasks.skeleton_action.augmentation import Augmentation, rotation_matrix
from tasks.skeleton_action.features import joint_line_distances, lines
from tasks.skeleton_action.network import SkeletonNetwork
from tasks.skeleton_action.samples import Reader, SampledClips
from tasks.skeleton_action.sampling import drawn_frames, published_frames
from tasks.skeleton_action.skeleton_file import parse, text

CLIPS = [
    ntu.ClipName(1, camera, person, 1, action) for camera in (1, 2) for person in (1, 2, 3) for action in (3, 11, 12)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few generated clips: text, arrays and a set."""
    path = tmp_path_factory.mktemp("skeletons")
    (path / "text").mkdir()
    for name in CLIPS:
        synthetic.write_text(name, path / "text")
    txt2npy.main([str(path / "text"), str(path / "clips"), "--workers", "1"])
    npy2data.main([str(path / "clips"), str(path / "set")])
    return path


@pytest.mark.parametrize("length", [1, 4, 16, 19, 20, 21, 39, 40, 59, 300])
def test_the_sampling_rule(length):
    drawn = np.stack([published_frames(length, 20, np.random.default_rng(seed)) for seed in range(2000)])
    assert drawn.shape == (2000, 20) and drawn.min() >= -1 and drawn.max() == length - 1
    if length >= 40:  # one of each segment, the last with the rest
        width = length // 20
        low = np.arange(20) * width
        high = np.append(low[1:], length) - 1
        assert (drawn.min(0) == low).all() and (drawn.max(0) == high).all()
    elif length > 20:  # a row from anywhere
        assert (np.diff(drawn, axis=1) == 1).all() and set(drawn[:, 0]) == set(range(length - 19))
    else:  # all of it, or what fits, among zeros
        begins = (drawn >= 0).argmax(1)
        assert set(begins) == set(range(max(20 - length, 5)))
        counts = (drawn >= 0).sum(1)
        assert (counts == np.minimum(length, 20 - begins)).all()
        for frames, begin, count in zip(drawn, begins, counts, strict=True):
            assert (np.diff(frames[begin : begin + count]) == 1).all()


@pytest.mark.parametrize("length", [1, 4, 19, 20, 39, 300])
def test_any_length_is_drawn_from_its_beginning_to_its_end(length):
    whole = np.stack([drawn_frames("uniform", length, 20, np.random.default_rng(seed)) for seed in range(500)])
    parts = np.arange(20) * length / 20
    assert (whole >= np.floor(parts)).all() and (whole <= np.minimum(np.ceil(parts + length / 20), length - 1)).all()
    assert (np.diff(whole, axis=1) >= 0).all() and set(whole.flatten()) == set(range(length))
    crops = np.stack([drawn_frames("crop", length, 20, np.random.default_rng(seed)) for seed in range(500)])
    spans = crops[:, -1] - crops[:, 0]
    assert crops.min() >= 0 and crops.max() == length - 1 and (np.diff(crops, axis=1) >= 0).all()
    assert spans.min() >= 0.5 * length * 18 / 20 - 2 and (length < 20 or spans.min() < 0.7 * length)


def test_what_is_drawn_follows_from_seed_epoch_and_clip(folder):
    clips = arrays.read_set(folder / "set")
    chosen = np.arange(len(clips.label))
    reader = Reader(clips, "uniform", "none", "none")
    turned = Augmentation(clips.parents, rotation=30)
    data = SampledClips(reader, chosen, 20, seed=1, random_time=True, augmentation=turned)
    batch = data.__getitems__([0, 5, 7])
    (size,) = {len(frames) for frames, _ in batch}
    assert 5 <= size <= 40 and [label for _, label in batch] == clips.label[[0, 5, 7]].tolist()
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batch, data.__getitems__([0, 5, 7]), strict=True))
    sizes = set()
    for epoch in range(200):
        data.set_epoch(epoch)
        sizes.add(len(data.__getitems__([0, 5])[0][0]))
    assert len(sizes) > 10 and min(sizes) >= 5 and max(sizes) <= 40
    data.set_epoch(1)
    assert not torch.equal(data[0][0][:5], batch[0][0][:5])
    test = SampledClips(reader, chosen, 20, seed=1, votes=3)
    votes, _ = test[2]
    assert votes.shape == (3, 20, 50, 3) and not torch.equal(votes[0], votes[1]) and torch.equal(votes, test[2][0])


def test_rotations_keep_distances_and_turn_within_their_limit():
    for seed in range(50):
        matrix = rotation_matrix(20, np.random.default_rng(seed))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) > 0 and np.arccos((np.trace(matrix) - 1) / 2) <= np.deg2rad(20) * 2**0.5
    assert np.array_equal(rotation_matrix(0, np.random.default_rng(0)), np.eye(3))


def test_distances_of_joints_to_lines_by_least_squares():
    joints = torch.randn(2, 25, 3, dtype=torch.float64)
    found = joint_line_distances(joints, lines(ntu.PARENTS)).reshape(2, 39, 23)
    assert len(set(map(frozenset, lines(ntu.PARENTS)))) == 39
    for number, (a, b) in enumerate(lines(ntu.PARENTS)):
        others = [j for j in range(25) if j not in (a, b)]
        along = (joints[:, b] - joints[:, a])[:, :, None]
        away = (joints[:, others] - joints[:, a : a + 1]).transpose(1, 2)
        rest = away - along @ torch.linalg.lstsq(along, away).solution
        torch.testing.assert_close(found[:, number], rest.norm(dim=1), rtol=1e-4, atol=1e-5)
    bent = joints.clone().requires_grad_()
    bent.data[:, 5] = bent.data[:, 4]  # two joints in one place
    joint_line_distances(bent, lines(ntu.PARENTS)).sum().backward()
    assert bent.grad.isfinite().all()


@pytest.mark.parametrize(
    ("preset", "count"), [("paper-plain", 1_430_588), ("paper-dense", 2_314_428), ("paper-dense-aug", 5_640_108)]
)
def test_networks_have_the_published_numbers_of_parameters(preset, count):
    network = SkeletonNetwork(train.PRESETS[preset], 50, ntu.PARENTS, 60)
    assert sum(p.numel() for p in network.parameters()) == count


def test_votes_are_a_mean_of_outputs():
    network = SkeletonNetwork(train.PRESETS["quick"], 50, ntu.PARENTS, 12).eval()
    clips = torch.randn(3, 4, 20, 50, 3)
    torch.testing.assert_close(network(clips), torch.stack([network(clips[:, v]) for v in range(4)]).mean(0))


def test_generated_files_are_as_a_kinect_writes_them(folder):
    for path in (folder / "text").iterdir():
        content = path.read_text()
        read = parse(content.encode())
        assert text(read) == content and (read.joints[..., 2] > 0.5).all() and read.body_id.min() >= 2**56
    names = list(synthetic.clip_names())
    assert len(names) == len(set(names)) == 1440
    assert text(synthetic.clip(CLIPS[0])) == text(synthetic.clip(CLIPS[0]))


def test_short_clips_are_short():
    lengths = [synthetic.clip(name, recording=synthetic.SHORT).frames for name in CLIPS]
    assert 8 <= min(lengths) < max(lengths) <= 39 and min(synthetic.clip(name).frames for name in CLIPS) >= 16


def test_a_set_says_who_is_in_a_clip_and_from_which_camera(folder):
    clips = arrays.read_set(folder / "set")
    names = [ntu.clip_name(name) for name in clips.name]
    assert clips.subject.tolist() == [name.subject for name in names]
    assert clips.view.tolist() == [name.camera for name in names]


def small(path, name, *more):
    settings = "--steps 6 --evaluate-every 3 --batch-size 4 --hidden-size 8 --votes 5 --threads 1"
    return ["--data-dir", str(path / "set"), "--runs", str(path), "--name", name, *settings.split(), *more]


def test_trains_with_and_without_workers_to_the_same_bits_and_draws_confusions(folder, capsys):
    augmented = ["--random-time", "--rotation", "20", "--joint-lines", "--differences"]
    for network in ("plain", "residual", "dense"):
        extra = [*augmented, "--network", network, "--num-layers", "2"]
        train.main(small(folder, network, *extra))
    train.main(small(folder, "workers", *extra, "--workers", "1"))
    weights = [torch.load(folder / n / "last.pt", weights_only=True)["model"] for n in ("dense", "workers")]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    said = capsys.readouterr().out.splitlines()
    evaluate.main(["--checkpoint", str(folder / "workers" / "best.pt")])
    assert capsys.readouterr().out.split("test ")[1] == f"{said[-1].split('test ')[1]}, 6 samples\n"
    table = list(csv.DictReader((folder / "workers" / "classes.csv").read_text().splitlines()))
    assert [row["class"] for row in table][2] == "A003" and sum(int(row["samples"]) for row in table) == 6
    Image.open(folder / "workers" / "confusion.png").verify()


def test_confusions_are_counted():
    outputs = torch.eye(3)[torch.tensor([0, 1, 1, 2, 0])]
    counts = confusion.count(outputs, torch.tensor([0, 0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0]]
    rows = confusion.table(counts, ["a", "b", "c"]).decode().splitlines()
    assert rows[1:] == ["a,2,0.5000,b", "b,3,0.3333,a", "c,0,,"]


def test_any_name_of_a_class_is_drawn():
    assert confusion.draw(torch.eye(2), [r"$\frac$", "two words"])[:4] == b"\x89PNG"


def test_the_whole_default_run(tmp_path, monkeypatch, capsys):
    """Generated text files to a trained network, with fewer subjects."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(synthetic, "SUBJECTS", 4)
    monkeypatch.setattr(synthetic, "CAMERAS", 1)
    train.main(["--steps", "4", "--evaluate-every", "4", "--votes", "1", "--threads", "1"])
    said = capsys.readouterr().out
    assert "96 read, 0 there already, 0 skipped" in said and "cross_subject: 72 for training, 24 for the test" in said
    assert (tmp_path / "runs/skeleton_action-1/classes.csv").read_text().splitlines()[1].startswith("raise hand,2,")
    assert synthetic.ensure(tmp_path / "synthetic_skeletons") == tmp_path / "synthetic_skeletons" / "set"
    assert capsys.readouterr().out == ""


def test_a_clip_is_drawn_from_each_of_its_forms(folder, tmp_path):
    name = "S001C001P001R001A012"
    sources = [[str(folder / "text" / f"{name}.skeleton")], [str(folder / "clips" / f"{name}.npz")]]
    sources += [[str(folder / "set"), "--clip", name], [str(folder / "set"), "--clip", "3"]]
    for number, source in enumerate(sources):
        path = tmp_path / f"{number}.{'gif' if number % 2 else 'png'}"
        render.main([*source[:1], str(path), *source[1:], "--every", "8"])
        with Image.open(path) as picture:
            assert (picture.format, picture.is_animated) == (("GIF", True) if number % 2 else ("PNG", False))
            assert np.ptp(np.asarray(picture.convert("L"))) > 100


def test_a_picture_s_title_says_the_clip_and_the_action(folder):
    name = "S001C001P001R001A012"
    assert render.of_set(folder / "set", name).title == f"{name}: A012"
    for path in (folder / "text" / f"{name}.skeleton", folder / "clips" / f"{name}.npz"):
        assert render.source(render.Config(path, folder)).title == f"{name}: action 12"
    shutil.copytree(folder / "set", folder / "own")
    (folder / "own" / "classes.txt").write_text("".join(f"class $ {n}\n" for n in range(12)))
    clip = render.of_set(folder / "own", name)
    assert clip.title == f"{name}: class $ 11" and pictures.sheet(clip)[:4] == b"\x89PNG"


def test_what_is_no_person_is_drawn_as_noise_and_what_has_no_data_is_not_drawn(tmp_path):
    """Two persons, one with two frames of zeros; a body that never moves; one that is too short."""
    a, b = standing(0, 30, seed=1), standing(1.5, 30, seed=2)
    still, short = np.tile(standing(-1.5, 1), (30, 1, 1)), standing(3, 5, seed=3)
    filled = np.array(a)
    filled[4:6] = 0
    every = slice(None)
    made = clip((0, every, filled), (1, every, still), (2, every, b), (3, slice(0, 5), short), frames=30)
    np.savez(tmp_path / "S001C001P001R001A001.npz", **made)
    drawn = render.source(render.Config(tmp_path / "S001C001P001R001A001.npz", tmp_path))
    assert drawn.noise == [False, True, False, True]
    expected = np.full((30, 4, 25, 3), np.nan)
    expected[:, 0], expected[:, 1], expected[:, 2], expected[:5, 3] = a, still, b, short
    expected[4:6, 0] = np.nan
    np.testing.assert_allclose(drawn.positions, expected, atol=1e-6)
    figure = pictures.sheet_figure(drawn)
    frames = [0, 4, 8, 12, 17, 21, 25, 29]  # eight from the first to the last
    for row, (across, view) in enumerate(((0, "front"), (2, "side"))):
        for column, frame in enumerate(frames):
            axes = figure.axes[8 * row + column]
            assert axes.get_title() == f"{view}, frame {frame + 1} of 30"
            for body, drawing in enumerate(axes.lines):
                xy = drawing.get_xydata().reshape(24, 3, 2)[:, 0]  # the joint at which each bone ends
                np.testing.assert_allclose(xy, expected[frame, body, 1:][:, [across, 1]], atol=1e-6)
                assert (drawing.get_linestyle(), drawing.get_color()) == (
                    ("--", "0.6") if body in (1, 3) else ("-", f"C{body}")
                )
    assert [label.get_text() for label in figure.legends[0].texts] == ["body 1", "left out as noise", "body 3"]


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (render.main, ["missing.npz", "a.gif"], "missing.npz is not a clip that txt2npy wrote"),
        (render.main, ["missing.skeleton", "a.gif"], "missing.skeleton"),
        (render.main, ["bad.skeleton", "a.gif"], "bad.skeleton: line 1: the file is empty"),
        (render.main, ["bad.skeleton", "a.jpg"], "expected a name that ends in .gif or .png"),
        (render.main, ["set", "a.gif", "--clip", "none"], "--clip none is not in"),
        (npy2data.main, ["missing", "dst"], "SRC missing is not a folder"),
        (npy2data.main, [".", "dst"], "holds no clip of ntu60"),
        (npy2data.main, ["clips", "set"], "set already exists; remove it"),
        (npy2data.main, ["bad", "dst"], "is not a clip that txt2npy wrote"),
        (npy2data.main, ["clips", "dst", "--missing", "nothing"], "--missing cannot be read"),
        (npy2data.main, ["clips", "dst", "--missing", "bad.skeleton"], "has no name like S001C002P005R002A008"),
        (npy2data.main, ["clips", "dst", "--frames", "0"], "--frames is 0, expected a number from 1 to 100000"),
        (train.main, ["--data-dir", "missing"], "there is no missing/data.npy"),
        (train.main, ["--data-dir", "set", "--split", "cross_setup"], "there are: cross_subject, cross_view"),
        (train.main, ["--frames", "0"], "--frames is 0, expected a number above 0"),
        (train.main, ["--workers", "-1"], "--workers is -1, expected 0 or more"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_in_a_line(folder, monkeypatch, capsys, main, arguments, message):
    monkeypatch.chdir(folder)
    (folder / "bad.skeleton").touch()
    (folder / "bad").mkdir(exist_ok=True)
    for subject in (1, 3):  # one for training, one for the test
        np.savez(folder / "bad" / f"S001C001P00{subject}R001A001.npz", frames=np.array(3), frame=np.array([5]))
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = [line for line in capsys.readouterr().err.splitlines() if line and "clip/s" not in line]
    assert stop.value.code == 2 and len(error) == 1 and error[0].startswith("error: ") and message in error[0]
    assert not (folder / "dst").exists()
