"""The cache of compiled code: whole entries or none, and nobody else's."""

import os
import stat
import subprocess
import sys

import pytest

from indrnn_cupy.runtime import disk


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("INDRNN_CUPY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def build(content):
    builds = []

    def write(path):
        builds.append(path)
        path.write_bytes(content)

    return write, builds


def test_builds_once_and_keeps_it_private(place):
    write, builds = build(b"code")
    first, second = disk.get("key", ".so", write), disk.get("key", ".so", write)
    assert first == second == place / "key.so" and len(builds) == 1
    assert first.read_bytes().startswith(b"code")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700 and stat.S_IMODE(first.stat().st_mode) == 0o700
    assert list(place.iterdir()) == [first]


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b"", lambda b: b"X" + b[1:]])
def test_damaged_entry_is_built_anew(place, damage):
    write, builds = build(b"code" * 100)
    entry = disk.get("key", ".so", write)
    sound = entry.read_bytes()
    entry.write_bytes(damage(sound))
    assert disk.get("key", ".so", write).read_bytes() == sound and len(builds) == 2


def test_entry_that_others_may_write_is_built_anew(place):
    write, builds = build(b"code")
    disk.get("key", ".so", write).chmod(0o777)
    disk.get("key", ".so", write)
    assert len(builds) == 2


def test_folder_that_others_may_write_is_not_used(place):
    place.mkdir()
    place.chmod(0o777)
    entry = disk.get("key", ".so", build(b"code")[0])
    assert entry.parent != place and not list(place.iterdir())


@pytest.mark.parametrize("home", ["/dev/null/nowhere", "/proc/nowhere"])
def test_home_that_cannot_be_written_is_no_hindrance(home, monkeypatch):
    monkeypatch.delenv("INDRNN_CUPY_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    assert disk.get("key", ".so", build(b"code")[0]).read_bytes().startswith(b"code")


def test_user_without_a_home_is_served(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("INDRNN_CUPY_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(disk.Path, "home", no_home)
    assert disk.get("key", ".so", build(b"code")[0]).read_bytes().startswith(b"code")


def test_something_in_the_way_or_a_full_disk_is_no_hindrance(place, monkeypatch):
    (place / "key.so").mkdir(parents=True)
    place.chmod(0o700)
    entry = disk.get("key", ".so", build(b"code")[0])
    assert entry.parent != place and entry.read_bytes().startswith(b"code")


def test_link_to_a_folder_of_ours_is_used(place, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "real")
    assert disk.get("key", ".so", build(b"code")[0]).parent == place


def test_child_that_ends_does_not_take_the_temporary_folder(place):
    place.write_text("a file in its place")
    code = "import os, sys; from pathlib import Path; from indrnn_cupy.runtime import disk; f = disk.folder()\n"
    code += "if os.fork() == 0: sys.exit()\nos.wait(); print(f.is_dir())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "True\n", done.stderr


def test_failed_build_leaves_nothing(place):
    def fail(path):
        path.write_bytes(b"half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        disk.get("key", ".so", fail)
    assert not list(place.iterdir())


def test_many_processes_at_once(place):
    code = "import torch; from indrnn_cupy import functional as F; print(F.indrnn(torch.ones(3,1,1), torch.ones(1))[1])"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ, text=True)
        for _ in range(3)
    ]
    assert [p.communicate()[0].strip() for p in processes] == ["tensor([[3.]])"] * 3
    assert not [p for p in place.iterdir() if p.suffix == ".tmp"]
