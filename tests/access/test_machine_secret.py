import itertools
import multiprocessing
import os
from pathlib import Path

import pytest

from ivr_bridge.access import machine_secret
from ivr_bridge.access.machine_secret import make_once
from ivr_bridge.errors import ConfigError


def test_made_once_and_then_read(tmp_path: Path):
    numbers = itertools.count()
    path = tmp_path / "var" / "token"
    assert make_once(path, lambda: f"secret {next(numbers)}") == ("secret 0", True)
    assert make_once(path, lambda: f"secret {next(numbers)}") == ("secret 0", False)
    assert next(numbers) == 1
    assert [*path.parent.iterdir()] == [path]


def test_only_the_user_can_read_it_whatever_the_umask(tmp_path: Path):
    path = tmp_path / "var" / "token"
    before = os.umask(0)
    try:
        make_once(path, lambda: "secret")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path):
    path = tmp_path / "token"
    path.write_text("by hand\n")
    path.chmod(0o644)
    assert make_once(path, lambda: "secret") == ("by hand", False)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path):
    tmp_path.chmod(0o755)
    make_once(tmp_path / "token", lambda: "secret")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_made_by_another_in_the_very_moment(tmp_path: Path):
    path = tmp_path / "token"

    def while_another_makes_it() -> str:
        make_once(path, lambda: "theirs")
        return "ours"

    assert make_once(path, while_another_makes_it) == ("theirs", False)
    assert [*tmp_path.iterdir()] == [path]


def _make(path: Path, barrier: "multiprocessing.synchronize.Barrier", made: "multiprocessing.Queue[object]") -> None:
    barrier.wait()
    made.put(make_once(path, lambda: os.urandom(2000).hex()))


def test_many_servers_at_once_get_the_same_whole_secret(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(4), context.Queue()
    servers = [context.Process(target=_make, args=(tmp_path / "token", barrier, queue)) for _ in range(4)]
    for server in servers:
        server.start()
    answers = [queue.get(timeout=50) for _ in servers]
    for server in servers:
        server.join()
        server.close()
    queue.close()
    assert len({secret for secret, _ in answers}) == 1
    assert len(answers[0][0]) == 4000
    assert sorted(made for _, made in answers) == [False, False, False, True]


def test_an_empty_file_is_no_secret(tmp_path: Path):
    (tmp_path / "token").write_text(" \n")
    with pytest.raises(ConfigError, match="token: is empty; remove it"):
        make_once(tmp_path / "token", lambda: "secret")


def test_what_cannot_be_read_or_made_says_where(tmp_path: Path):
    (tmp_path / "token").mkdir()
    with pytest.raises(ConfigError, match="token: cannot be read or made"):
        make_once(tmp_path / "token", lambda: "secret")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be read or made"):
        make_once(tmp_path / "file" / "token", lambda: "secret")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="binary: cannot be read or made"):
        make_once(tmp_path / "binary", lambda: "secret")


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(machine_secret.os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        make_once(tmp_path / "token", lambda: "secret")
    assert [*tmp_path.iterdir()] == []
