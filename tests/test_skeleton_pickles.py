"""Pickles that are made to do harm: each is refused in a line, nothing is run or written, little memory taken."""

import io
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from skeleton_sets import NAMES, error_of, positions

from tasks.config import TaskError
from tasks.skeleton_action import convert
from tasks.skeleton_action.convert import Config
from tasks.skeleton_action.formats import pyskl

TUPLES = 200_000  # one in the other, as the key of a dict, are too many for pickle.load
HEARD = {"exec", "import", "open", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "subprocess.Popen"}
heard: list[tuple] | None = None


def hook(event, arguments):
    if heard is not None and event in HEARD:
        heard.append((event, *map(str, arguments)))


sys.addaudithook(hook)


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


class Persistent(pickle.Pickler):
    def persistent_id(self, value):
        return "somebody" if isinstance(value, Calls) else None


def annotation(**changes):
    keypoint = positions()[0].reshape(-1, 2, 25, 3).transpose(1, 0, 2, 3)
    return {"frame_dir": NAMES[0], "label": 0, "total_frames": 3, "keypoint": keypoint} | changes


def content(value):
    """Of a .pkl file in which this is the label of a clip."""
    return {"split": {}, "annotations": [annotation(label=value)]}


def opcodes(stream):
    """A pickle whose label is what these opcodes make."""
    written = pickle.dumps(content("here"), 3)
    assert written.count(b"X\x04\x00\x00\x00here") == 1
    return written.replace(b"X\x04\x00\x00\x00here", stream)


def saved_by(pickler, value):
    out = io.BytesIO()
    pickler(out).dump(value)
    return out.getvalue()


def call(name, arguments=b")"):
    return b"c" + name.replace(".", "\n", 1).encode() + b"\n" + arguments + b"R"


def harmful(mark):
    """Pickles by name: each would run something, make too much of little, or crash pickle.load."""
    command = f"touch {mark}"
    text = f"X{''.join(map(chr, len(command).to_bytes(4, 'little')))}{command}".encode("latin1")
    calls = {
        "os.system": Calls(os.system, command),
        "eval": Calls(eval, f"open({str(mark)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(mark)!r}, 'w')"),
        "getattr": Calls(getattr, Calls(__import__, "os"), "system"),
        "open": Calls(open, str(mark), "w"),
        "Popen": Calls(subprocess.Popen, ["touch", str(mark)]),
        "partial": Calls(map, os.system, [command]),
        "ndarray.tofile": Calls(np.ndarray.tofile, np.zeros(3), str(mark)),
        "fromfile": Calls(np.fromfile, str(mark)),
        "state": Calls(np.dtype, "f4", state={"__setstate__": os.system}),
        "too large": Calls(np.ndarray, (10**13,)),
    }
    found = {
        f"{name} {protocol}": pickle.dumps(content(value), protocol)
        for name, value in calls.items()
        for protocol in (0, 2, 5)
    }
    return found | {
        "at the top": pickle.dumps(calls["os.system"]),
        "a key": pickle.dumps({"split": {}, "annotations": [], Calls(os.system, command): 0}),
        "persistent": saved_by(Persistent, content(calls["eval"])),
        "persistent text": opcodes(b"Psomebody\n"),
        "extension": opcodes(b"\x82\x01"),
        "instance": opcodes(b"(" + text + b"ios\nsystem\n"),
        "object": opcodes(b"(cos\nsystem\n" + text + b"o"),
        "new object": opcodes(b"cos\nsystem\n" + text + b"\x85\x81"),
        "new object with names": opcodes(b"cos\nsystem\n)}\x92"),
        "out of band": opcodes(b"\x97"),
        "torch": opcodes(call("torch._utils._rebuild_tensor_v2")),
        "f2py": opcodes(call("numpy.f2py.diagnose.run")),
        "dotted": opcodes(b"X\x05\x00\x00\x00numpyX\x0e\x00\x00\x00ndarray.tofile\x93)R"),
        "a name of text": opcodes(b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93" + text + b"\x85R"),
        "text as a name": opcodes(b"X\x09\x00\x00\x00os system" + text + b"\x85R"),
        "codec": opcodes(call("_codecs.encode", b"X\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86")),
        "memo": opcodes(b"Nr\xff\xff\xff\x7f"),
        "nested key": opcodes(b"})" + TUPLES * b"\x85" + b"Ns"),
        "nested": opcodes(b")" + 1000 * b"\x85"),
        "long text": opcodes(b"\x8d\xff\xff\xff\xff\xff\x00\x00\x00a"),
        "long bytes": opcodes(b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00a"),
        "long number": opcodes(b"\x8b\xff\xff\xff\x7fa"),
        "many digits": opcodes(b"I" + 100_000 * b"9" + b"\n"),
        "to itself": opcodes(b"]q\xffh\xffa"),
        "nothing on the stack": opcodes(b"00000000t"),
        "no mark": b"\x80\x03te.",
        "empty": b"",
        "stop": b".",
    }  # fmt: skip


@pytest.mark.parametrize("name", harmful("mark"))
def test_harmful_pickles_are_refused_and_nothing_is_run(tmp_path, name):
    global heard
    (tmp_path / "a.pkl").write_bytes(harmful(tmp_path / "mark")[name])
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [annotation()]}, 0))
    pyskl.read(tmp_path / "good.pkl")  # imports what it needs
    (tmp_path / "good.pkl").unlink()
    modules = {*sys.modules}
    heard = []
    try:
        with pytest.raises(TaskError, match=r"a\.pkl") as refused:
            convert.convert(Config(tmp_path / "a.pkl", tmp_path / "set"))
    finally:
        events, heard = heard, None
    assert {event for event, *_ in events} <= {"open"} and {file for _, file, *_ in events} <= {str(tmp_path / "a.pkl")}
    assert {*sys.modules} == modules and [path.name for path in tmp_path.iterdir()] == ["a.pkl"]
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Calls(os.system, "true"), r"asks for 'posix\.system', which a file of arrays has no use for; nothing was run"),
        (Calls(eval, "1"), r"asks for 'builtins\.eval'"),
        (Calls(np.fromfile, "x"), r"asks for 'numpy\._core\.multiarray\.fromfile'|asks for 'numpy\.fromfile'"),
        (Calls(np.ndarray, (10**13,)), "annotation 0 has a label that is ndarray, expected a whole number"),
    ],
)
def test_what_a_pickle_asks_for_is_named(tmp_path, capsys, value, said):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content(value)))
    assert re.search(said, error_of(capsys, convert.main, tmp_path / "a.pkl", tmp_path / "set"))


def test_little_memory_is_taken_by_files_that_ask_for_much(tmp_path):
    """In a process that may have 1 GiB more than it begins with; pickle.load fills more for the first of them."""
    program = """
import resource, sys
from pathlib import Path
from tasks.config import TaskError
from tasks.skeleton_action.formats import pyskl
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, held + 2**30))
for path in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        pyskl.read(Path(path))
    except TaskError:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000)
"""
    names = ["memo", "long text", "long bytes", "long number", "too large 5"]
    for name in names:
        (tmp_path / f"{name}.pkl").write_bytes(harmful(tmp_path / "mark")[name])
    files = [str(tmp_path / f"{name}.pkl") for name in names]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split() == ["True"] * len(names), done.stderr
