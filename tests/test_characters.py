"""The language model of characters: text to numbers, windows that go on, the carried state, generation, errors."""

import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tasks.carried import Carried
from tasks.characters import evaluate, generate, text, train
from tasks.characters.task import CharacterNetwork, Config, bits, make_task
from tasks.characters.text import Streams, Symbols, parts
from tasks.config import TaskError
from tasks.evaluation import estimate_norms
from tasks.learner import Learner
from tasks.training import train as train_run

ROOT = Path(__file__).resolve().parents[1]
SMALL = "--hidden-size 8 --num-layers 2 --batch-size 4 --window 8 --steps 11 --evaluate-every 4 --threads 1".split()  # noqa: SIM905


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Im Anfang schuf Gott Himmel und Erde; und die Erde war wüst und leer.\n" * 40, "utf-8")
    return path


def weights(path):
    return torch.load(path, weights_only=True)["model"]


def test_symbols_are_found_and_put_back():
    content = "Öl, oil; 油".encode()
    for vocabulary, size in (("characters", 8), ("bytes", 256)):
        symbols = Symbols.of(content, vocabulary, "it")
        numbers = symbols.encode(content, "it")
        assert len(symbols) == size and symbols.decode(numbers.tolist()) == content.decode()
        assert numbers.max() < size
    assert text.embedded() and len(set(text.embedded())) < 256
    whole = parts(torch.arange(1000))
    assert {name: len(part) for name, part in whole.items()} == {"training": 900, "validation": 50, "test": 50}
    assert torch.equal(torch.cat(list(whole.values())), torch.arange(1000))


def test_windows_go_on_from_batch_to_batch():
    streams = Streams(torch.arange(100), rows=3, window=4, name="training")
    assert len(streams) == 3 * 8
    batches = [[streams[3 * number + row] for row in range(3)] for number in range(8)]
    for row in range(3):
        inputs = torch.cat([batch[row][0] for batch in batches])
        assert torch.equal(inputs, torch.arange(row * 32, row * 32 + 32))
        assert torch.equal(torch.cat([batch[row][1] for batch in batches]), inputs + 1)
    with pytest.raises(IndexError):
        streams[24]


@pytest.mark.parametrize(
    "options",
    [{}, {"network": "residual"}, {"network": "dense", "block_config": [1]}, {"context": 3}],
    ids=str,
)
@pytest.mark.parametrize("model", ["indrnn", "mingru", "lstm"])
def test_a_carried_state_makes_one_sequence(model, options):
    if model == "lstm" and "network" in options:
        pytest.skip("torch's LSTM has one network")
    network = CharacterNetwork(Config(model=model, hidden_size=6, num_layers=2, tie_weights=True, **options), 9).eval()
    symbols = torch.randint(9, (3, 24))
    whole, _ = network(symbols)
    halves, state = [], None
    for window in symbols.split(8, 1):
        y, state = network(window, state)
        halves.append(y)
    torch.testing.assert_close(torch.cat(halves, 1), whole)
    state, steps = None, []
    for symbol in symbols.t():
        y, state = network.step(symbol, state)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps, 1), whole)
    assert network.output.weight is network.embedding.weight


def test_bits_are_the_logarithm_of_what_was_expected():
    logits, targets = torch.randn(2, 5, 7), torch.randint(7, (2, 5))
    chances = logits.softmax(-1).gather(2, targets.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(bits(logits, targets), -chances.log2().mean(1))
    assert abs(bits(torch.zeros(1, 4, 8), torch.zeros(1, 4, dtype=torch.long)).item() - 3) < 1e-6


def test_the_state_goes_on_without_its_history(corpus):
    config = Config(text=str(corpus), hidden_size=6, num_layers=1, batch_size=4, window=8, norm="none", dropout=0.0)
    task = make_task(config)
    batches = [torch.stack([task.training[4 * n + row][0] for row in range(4)]) for n in range(2)]
    carried, network = Carried(task, batches[0]), task.model
    first = carried.run(network, batches[0])
    second = carried.run(network, batches[1])
    whole, _ = network(torch.cat(batches, 1))
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    assert not carried.state[0].requires_grad
    carried.gather()
    saved = carried.state_dict()
    carried.reset()
    torch.testing.assert_close(carried.run(network, batches[0]), first)
    carried.load_state_dict(saved)
    assert torch.equal(carried.state[0], saved["states"][0][0])


@pytest.mark.parametrize("model", ["indrnn", pytest.param("lstm", marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on_to_the_same_bits(corpus, tmp_path, capsys, model):
    options = [*SMALL, "--text", str(corpus), "--runs", str(tmp_path), "--model", model, "--dropout", "0.2"]
    train.main([*options, "--name", "whole"])
    run = subprocess.Popen(
        [sys.executable, "-m", "tasks.characters.train", *options, "--name", "cut", "--steps", "100000"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        if (tmp_path / "cut" / "last.pt").exists():
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert torch.load(tmp_path / "cut" / "last.pt", weights_only=True)["carried"]["states"][0] is not None
    # The whole run again, cut after its first evaluation.
    config = Config(**torch.load(tmp_path / "whole" / "best.pt", weights_only=True)["config"])
    config.name = "again"

    class Cut(Exception):
        pass

    def cut(*arguments, learn=Learner.learn, count=[0], **options):  # noqa: B006
        count[0] += 1
        if count[0] == 6:
            raise Cut
        return learn(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut):
        patch.setattr(Learner, "learn", cut)
        train_run(config, make_task)
    train.main(["--resume", str(tmp_path / "again")])
    for name in ("last.pt", "best.pt"):
        one, two = weights(tmp_path / "whole" / name), weights(tmp_path / "again" / name)
        assert all(torch.equal(one[key], two[key]) for key in one)
    said = capsys.readouterr().out.splitlines()
    evaluate.main(["--checkpoint", str(tmp_path / "again" / "best.pt")])
    assert said[-1].split("test ")[1] in capsys.readouterr().out
    evaluate.main(["--checkpoint", str(tmp_path / "again" / "best.pt"), "--by-steps"])
    by_steps = capsys.readouterr().out
    measured = [float(re.search(r"bits (\d+\.\d+)", text).group(1)) for text in (said[-1], by_steps)]
    assert measured[1] == pytest.approx(measured[0], abs=2e-5)


def test_norms_are_estimated_with_the_carried_state(corpus):
    config = Config(text=str(corpus), hidden_size=8, num_layers=2, dropout=0.0, batch_size=4, window=8)
    task = make_task(config)
    estimate_norms(task, config, torch.device("cpu"))
    norms = [module for module in task.model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    estimated = [norm.running_mean.clone() for norm in norms]
    streams = torch.stack([task.training.inputs[row].flatten() for row in range(4)])  # each without a break
    seen = {}
    for number, norm in enumerate(norms):
        norm.register_forward_pre_hook(lambda _, x, number=number: seen.setdefault(number, []).append(x[0].detach()))
    state = None
    with torch.no_grad():
        task.model.train()
        for window in streams.split(8, 1):
            _, state = task.model(window, state)
    for number in range(2):
        torch.testing.assert_close(estimated[number], torch.stack(seen[number]).mean((0, 1)), rtol=1e-4, atol=1e-5)


def test_learns_and_writes(corpus, tmp_path, capsys):
    options = [*SMALL, "--text", str(corpus), "--runs", str(tmp_path), "--name", "run", "--steps", "150"]
    train.main([*options, "--evaluate-every", "75", "--hidden-size", "24", "--learning-rate", "0.01"])
    said = capsys.readouterr().out.splitlines()
    assert "training, " in said[0] and "parameters; on cpu, 1 thread" in said[0]
    assert float(said[-1].split("bits ")[1]) < 0.5 * math.log2(27)
    written, best = [], ["--checkpoint", str(tmp_path / "run" / "best.pt")]
    for seed in ("1", "1", "2"):
        generate.main(
            ["--checkpoint", str(tmp_path / "run" / "best.pt"), "--prompt", "Im ", "--length", "40", "--seed", seed]
        )
        written.append(capsys.readouterr().out)
    assert written[0] == written[1] != written[2] and written[0].startswith("Im ") and len(written[0]) == 44
    with pytest.raises(SystemExit):
        generate.main([*best, "--temperature", "0"])
    assert "--temperature is 0.0, expected a number from 0.001 to 1000" in capsys.readouterr().err
    damaged = torch.load(best[1], weights_only=True)
    damaged["model"]["output.bias"].fill_(float("inf"))
    torch.save(damaged, best[1])
    with pytest.raises(SystemExit):
        generate.main(best)
    assert "the network predicts NaN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (b"", [], "the training part of the text has 0 symbols, expected 33 or more"),
        (b"a", [], "the training part of the text has 1 symbols"),
        (b"\xff\xfe\xfa" * 999, [], "is not UTF-8 text"),
        (b"abc " * 99, ["--window", "0"], "--window is 0, expected a number above 0"),
        (
            b"abc " * 99,
            ["--model", "lstm", "--network", "dense"],
            "--network is dense, expected plain for --model lstm",
        ),
        (b"abc " * 99, ["--text", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(tmp_path, capsys, content, arguments, message):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        train.main([*SMALL, "--text", str(tmp_path / "text"), "--runs", str(tmp_path), *arguments])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and message in said


def test_a_character_that_was_not_learned_is_named(corpus):
    symbols = Symbols.of(corpus.read_bytes(), "characters", "it")
    with pytest.raises(TaskError, match="--prompt has the character 'Q', which is not in the model's vocabulary"):
        symbols.encode(b"Quo", "--prompt")
