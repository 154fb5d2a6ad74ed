"""The cache of compiled code: whole entries or none, and nobody else's."""

import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from indrnn_cupy.runtime import disk, process_folder
from indrnn_cupy.runtime.errors import KernelCompileError, KernelError


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


def get(write):
    return disk.get("key.so", write, lambda path: path)


def test_builds_once_and_keeps_it_private(place):
    write, builds = build(b"code")
    first, second = get(write), get(write)
    assert first == second == place / "key.so" and len(builds) == 1
    assert first.read_bytes().startswith(b"code")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700 and stat.S_IMODE(first.stat().st_mode) == 0o700
    assert list(place.iterdir()) == [first]


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b"", lambda b: b"X" + b[1:]])
def test_damaged_entry_is_built_anew(place, damage):
    write, builds = build(b"code" * 100)
    entry = get(write)
    sound = entry.read_bytes()
    entry.write_bytes(damage(sound))
    assert get(write).read_bytes() == sound and len(builds) == 2


def test_entry_that_others_may_write_is_built_anew(place):
    write, builds = build(b"code")
    get(write).chmod(0o777)
    get(write)
    assert len(builds) == 2


def test_folder_that_others_may_write_is_not_used(place):
    place.mkdir()
    place.chmod(0o777)
    entry = get(build(b"code")[0])
    assert entry.parent != place and not list(place.iterdir())


@pytest.mark.parametrize("home", ["/dev/null/nowhere", "/proc/nowhere"])
def test_home_that_cannot_be_written_is_no_hindrance(home, monkeypatch):
    monkeypatch.delenv("INDRNN_CUPY_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    assert get(build(b"code")[0]).read_bytes().startswith(b"code")


def test_user_without_a_home_is_served(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("INDRNN_CUPY_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(disk.Path, "home", no_home)
    assert get(build(b"code")[0]).read_bytes().startswith(b"code")


def test_something_in_the_way_or_a_full_disk_is_no_hindrance(place, monkeypatch):
    (place / "key.so").mkdir(parents=True)
    place.chmod(0o700)
    entry = get(build(b"code")[0])
    assert entry.parent != place and entry.read_bytes().startswith(b"code")


def test_link_to_a_folder_of_ours_is_used(place, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "real")
    assert get(build(b"code")[0]).parent == place


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
        get(fail)
    assert not list(place.iterdir())


PROGRAM = "import torch; from indrnn_cupy import functional as F; print(F.indrnn(torch.ones(3,1,1), torch.ones(1))[1])"


@pytest.fixture
def counted_compiler(tmp_path, monkeypatch):
    """A compiler that notes each program that it compiles."""
    log, script = tmp_path / "compiled", tmp_path / "compiler"
    log.touch()
    script.write_text(f'#!/bin/sh\ncase "$*" in *-dM*) ;; *) echo run >> {log};; esac\nexec g++ "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return lambda: log.read_text().count("run")


def run_many(count, **options):
    command = [sys.executable, "-c", PROGRAM]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return [subprocess.Popen(command, **options) for _ in range(count)]


def test_one_of_many_processes_compiles(place, counted_compiler):
    processes = run_many(4)
    assert [p.communicate()[0].strip() for p in processes] == ["tensor([[3.]])"] * 4
    assert counted_compiler() == 1
    assert sorted(path.suffix for path in place.iterdir()) == [".so", ".txt"]


def test_a_killed_compile_leaves_nothing_that_stays(place, counted_compiler, tmp_path, monkeypatch):
    (temporary := tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    (process,) = run_many(1, start_new_session=True)
    while not counted_compiler():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = list(temporary.iterdir())
    assert left
    for path in left:
        os.utime(path, (0, 0))
    (process,) = run_many(1)
    assert process.communicate()[0].strip() == "tensor([[3.]])"
    assert not list(temporary.iterdir()) and sorted(path.suffix for path in place.iterdir()) == [".so", ".txt"]


def test_others_wait_for_a_time_and_then_build_too(place, monkeypatch):
    monkeypatch.setattr(disk, "PATIENCE", 0.1)
    place.mkdir(mode=0o700)
    with open(place / f"{process_folder.PREFIX}key.so.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write, builds = build(b"code")
        assert get(write) == place / "key.so" and len(builds) == 1
        assert os.path.exists(lock.name)  # it is the other's


def test_drafts_of_killed_processes_are_removed(place):
    place.mkdir(mode=0o700)
    old, new = place / f"{process_folder.PREFIX}old", place / f"{process_folder.PREFIX}new"
    own = place / "poetry.lock", place / "notes.tmp"  # of a user whose folder holds other things too
    for path in (old, new, *own):
        path.touch()
        os.utime(path, None if path == new else (0, 0))
    get(build(b"code")[0])
    assert not old.exists() and all(path.exists() for path in (new, *own))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary directory in which this process has no folder yet."""
    (folder := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(process_folder.tempfile, "tempdir", str(folder))
    monkeypatch.setattr(process_folder, "_ours", ours := [])
    yield folder
    for _, descriptor in ours:
        os.close(descriptor)


def test_only_folders_of_dead_processes_are_removed(temporary):
    dead, alive, young = (temporary / f"{process_folder.PREFIX}{name}" for name in ("dead", "alive", "young"))
    unpacked, link = temporary / "indrnn_cupy-main", temporary / f"{process_folder.PREFIX}link"
    for path in (dead, alive, young, unpacked):
        path.mkdir()
        (path / "file").touch()
        os.utime(path, None if path == young else (0, 0))
    link.symlink_to(unpacked)
    descriptor = os.open(alive, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    process_folder.path()
    os.close(descriptor)
    assert not dead.exists() and all((path / "file").exists() for path in (alive, young, unpacked, link))


def test_file_systems_without_locks_are_used(place, temporary, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    write, builds = build(b"code")
    assert get(write) == get(write) == place / "key.so" and len(builds) == len(list(temporary.iterdir())) == 1


def test_a_temporary_folder_that_is_removed_is_made_anew(place, temporary):
    shutil.rmtree(process_folder.path())
    assert get(build(b"code")[0]).parent == place


def test_no_temporary_folder_is_said(place, temporary):
    temporary.rmdir()
    with pytest.raises(KernelError, match=r"no temporary folder can be made.*; set TMPDIR to"):
        get(build(b"code")[0])


def test_a_forked_child_works_in_a_folder_of_its_own():
    """That of its parent goes with the parent."""
    code = "import os; from indrnn_cupy.runtime import process_folder; print(process_folder.path(), flush=True)\n"
    code += "if os.fork() == 0: print(process_folder.path(), flush=True)\nelse: os.wait()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    assert first != second and not os.path.exists(first) and not os.path.exists(second)


def test_what_cannot_be_loaded_is_not_kept(place):
    def load(path):
        if path.read_bytes().startswith(b"rubbish"):
            raise OSError("file too short")
        return path

    with pytest.raises(KernelCompileError, match=r"cannot be loaded: file too short$"):
        disk.get("key.so", build(b"rubbish")[0], load)
    assert disk.get("key.so", build(b"code")[0], load) == place / "key.so"


def test_an_entry_that_is_removed_before_it_is_loaded(place):
    def load(path):
        if path.parent == place:
            path.unlink()
        return path.read_bytes()

    write, builds = build(b"code")
    for _ in range(2):
        assert disk.get("key.so", write, load).startswith(b"code")
    assert len(builds) == 2


def test_drafts_that_others_rename_meanwhile_are_no_hindrance(place, monkeypatch):
    monkeypatch.setattr(disk.Path, "glob", lambda *_: iter([place / "gone"]))
    assert get(build(b"code")[0]).parent == place


def test_an_untrusted_entry_that_cannot_be_replaced_is_not_loaded(place, monkeypatch):
    get(build(b"theirs")[0]).chmod(0o777)
    replace = os.replace

    def full(old, new):
        if place in new.parents:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(os, "replace", full)
    assert get(build(b"ours")[0]).read_bytes().startswith(b"ours")


def nothing_executed(forbidden):
    """A loader as it is on a file system that is mounted noexec."""

    def load(path):
        if forbidden in path.parents:
            raise OSError("failed to map segment from shared object")
        return path

    return load


def test_a_cache_that_may_not_hold_code_is_not_built_for_twice(place):
    write, builds = build(b"code")
    for _ in range(2):
        entry = disk.get("key.so", write, nothing_executed(place))
        assert entry.parent == process_folder.path() and entry.read_bytes().startswith(b"code")
        entry.unlink()
    assert len(builds) == 1


def test_where_nothing_may_hold_code_the_remedy_is_said(place):
    with pytest.raises(KernelCompileError, match=r"cannot be loaded: .*map segment.*set INDRNN_CUPY_CACHE_DIR"):
        disk.get("key.so", build(b"code")[0], nothing_executed(place.parents[-1]))


def test_a_mount_without_execution(place, tmp_path):
    place.mkdir(mode=0o700)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "noexec,mode=700", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed")
    try:
        (process,) = run_many(1)
        assert process.communicate()[0].strip() == "tensor([[3.]])"
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_file_system(place, tmp_path):
    place.mkdir(mode=0o700)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed")
    try:
        write, builds = build(b"code" * 10_000)
        assert get(write).parent == process_folder.path() and len(builds) == 1
        assert not list(place.iterdir())
        (process,) = run_many(1, env={**os.environ, "TMPDIR": str(place), "INDRNN_CUPY_CACHE_DIR": str(place / "x")})
        said = process.communicate()[1]
        assert "Error: no temporary folder" in said or "Error: there is nowhere to" in said or "no room" in said, said
    finally:
        subprocess.run(["umount", place], check=True)


def test_an_image_s_cache_is_read_by_another_user(place, tmp_path):
    """Filled by root, read-only for everybody else."""
    if os.getuid() != 0:
        pytest.skip("not root")
    get(build(b"code")[0])
    for path in (place, *place.iterdir()):
        path.chmod(0o755)
    for path in (tmp_path, *tmp_path.parents[:-2]):
        path.chmod(0o755)
    code = "import os; from indrnn_cupy.runtime import disk; os.setuid(12345); "
    code += "print(disk.get('key.so', None, lambda path: path))"  # builds nothing
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == str(place / "key.so"), done.stderr


def test_an_entry_of_another_user_is_not_loaded(place):
    if os.getuid() != 0:
        pytest.skip("not root")
    write, builds = build(b"code")
    os.chown(get(write), 12345, 12345)
    get(write)
    assert len(builds) == 2


def test_a_cache_that_is_removed_while_in_use(place):
    write, builds = build(b"code")
    get(write)
    shutil.rmtree(place)
    assert get(write) == place / "key.so" and len(builds) == 2

    def write_and_remove(path):
        write(path)
        shutil.rmtree(place)

    shutil.rmtree(place)
    assert get(write_and_remove).read_bytes().startswith(b"code")


@pytest.mark.parametrize("value", ["cache\udcff", "new\nline", 'quo"te', "back\\slash"])
def test_any_name_of_a_folder(tmp_path, monkeypatch, value):
    monkeypatch.setenv("INDRNN_CUPY_CACHE_DIR", str(tmp_path / value))
    (process,) = run_many(1)
    assert process.communicate()[0].strip() == "tensor([[3.]])"
    assert len(list((tmp_path / value).iterdir())) == 2  # what the compiler is, and the kernel


def test_a_relative_cache_home_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv("INDRNN_CUPY_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert disk.folder() == tmp_path / ".cache" / "indrnn_cupy"


def test_threads_and_their_drafts(place):
    """One removes nothing that another is about to look at."""

    def keep(thread):
        return [disk.get(f"{thread}-{n}", lambda path: path.write_bytes(b"code"), lambda path: path) for n in range(40)]

    with ThreadPoolExecutor(8) as pool:
        found = [entry for entries in pool.map(keep, range(8)) for entry in entries]
    assert all(entry.parent == place and entry.exists() for entry in found)


def test_a_process_folder_that_somebody_removes_is_made_again(place):
    shutil.rmtree(process_folder.path())
    assert get(build(b"code")[0]) == place / "key.so"
