import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from ivr_bridge.errors import BridgeError, StoreError
from ivr_bridge.store import embedded
from ivr_bridge.store.embedded import EmbeddedValkey, valkey_program
from ivr_bridge.telemetry.log import Log
from tests.test_child_guard import gone

pytestmark = pytest.mark.skipif(valkey_program() is None, reason="there is no Valkey for this machine")


async def started(var_dir: Path) -> EmbeddedValkey:
    valkey = await EmbeddedValkey.start(var_dir, Log())
    assert valkey is not None
    return valkey


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while not gone(pid):
            await asyncio.sleep(0.02)


async def test_what_it_holds_survives_a_restart_and_nothing_else_stays(tmp_path: Path):
    valkey = await started(tmp_path)
    socket_dir = valkey._socket_dir
    assert valkey.persistent
    assert valkey.address == f"embedded, {tmp_path / 'valkey'}"
    assert socket_dir.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "valkey").stat().st_mode & 0o777 == 0o700
    await valkey.store.set("a", b"1", ttl_s=None)
    pid = valkey.pid
    assert pid is not None
    await valkey.stop()
    assert gone(pid)
    assert not socket_dir.exists()
    valkey = await started(tmp_path)
    assert await valkey.store.get("a") == b"1"
    await valkey.stop()


async def test_a_second_server_gets_one_of_its_own_in_memory(tmp_path: Path):
    first = await started(tmp_path)
    second = await started(tmp_path)
    assert not second.persistent
    assert second.address == "embedded, in memory"
    await first.store.set("a", b"1", ttl_s=None)
    assert await second.store.get("a") is None
    await second.store.set("b", b"1", ttl_s=None)
    await first.stop()
    third = await started(tmp_path)
    assert third.persistent
    assert await third.store.keys_like("") == ["a"]
    await second.stop()
    await third.stop()


async def test_it_is_started_again_when_it_dies(tmp_path: Path):
    losses: list[StoreError] = []
    with structlog.testing.capture_logs() as events:
        valkey = await started(tmp_path)
        valkey.on_lost = losses.append
        await valkey.store.set("a", b"1", ttl_s=None)
        await asyncio.sleep(0)
        first = valkey.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(20):
            while valkey.pid == first:
                await asyncio.sleep(0.02)
        await valkey.store.ping()
        await valkey.stop()
    assert [str(loss) for loss in losses] == ["valkey ended with 137"]
    assert [event["event"] for event in events] == ["child.started", "child.ended", "child.started"]
    assert events[1]["exit_code"] == 137


async def test_stopping_while_it_is_being_started_again(tmp_path: Path):
    valkey = await started(tmp_path)
    pid = valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while valkey._restarting is None:
        await asyncio.sleep(0.005)
    await valkey.stop()
    valkey = await started(tmp_path)
    assert valkey.persistent
    await valkey.stop()


async def test_a_file_that_it_cannot_read_is_set_aside(tmp_path: Path):
    for _ in range(2):
        valkey = await started(tmp_path)
        await valkey.store.set("a", b"1", ttl_s=None)
        await valkey.stop()
        for path in (tmp_path / "valkey" / "appendonlydir").iterdir():
            path.write_bytes(b"this is not what Valkey wrote")
    valkey = await started(tmp_path)
    assert valkey.persistent
    assert await valkey.store.get("a") is None
    assert (tmp_path / "valkey" / "unreadable").is_dir()
    await valkey.stop()


async def test_a_program_that_cannot_run_says_why_and_frees_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "valkey_program", lambda: broken)
        with pytest.raises(BridgeError, match="valkey ended with 3: no such luck"):
            await EmbeddedValkey.start(tmp_path, Log())
    valkey = await started(tmp_path)
    assert valkey.persistent
    await valkey.stop()


async def test_a_long_temporary_path_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    long_path = tmp_path / ("x" * 100)
    long_path.mkdir()
    monkeypatch.setattr(embedded.tempfile, "tempdir", str(long_path))
    valkey = await started(tmp_path)
    assert len(str(valkey._socket_path)) <= embedded.SOCKET_PATH_LIMIT
    assert [*long_path.iterdir()] == []
    await valkey.store.ping()
    await valkey.stop()


async def test_a_socket_directory_that_another_made_is_not_used(tmp_path: Path):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path)
    for path in (open_to_all, linked):
        with pytest.raises(BridgeError, match="this user alone"):
            embedded._own(path)


def test_without_the_wheel_there_is_no_program(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    assert valkey_program() is None


SERVER = """
import asyncio, sys
from pathlib import Path
from ivr_bridge.store.embedded import EmbeddedValkey
from ivr_bridge.telemetry.log import Log, configure_logging

async def main():
    configure_logging(stream=sys.stderr, level="error", pretty=False)
    valkey = await EmbeddedValkey.start(Path(sys.argv[1]), Log())
    await valkey.store.set("a", b"1", ttl_s=None)
    print(valkey.pid, valkey._socket_dir, valkey.persistent, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def start_server(var_dir: Path) -> tuple[asyncio.subprocess.Process, list[str]]:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", SERVER, str(var_dir), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    return server, (await server.stdout.readline()).decode().split()


async def test_kill_9_of_the_server_and_the_next_start_takes_over(tmp_path: Path):
    server, (pid, socket_dir, persistent) = await start_server(tmp_path)
    assert persistent == "True"
    beside = await started(tmp_path)
    assert not beside.persistent
    await beside.stop()
    server.kill()
    await server.wait()
    valkey = await started(tmp_path)
    assert valkey.persistent
    assert gone(int(pid))
    assert await valkey.store.get("a") == b"1"
    await valkey.stop()
    async with asyncio.timeout(10):
        while Path(socket_dir).exists():
            await asyncio.sleep(0.02)


async def test_two_servers_started_at_once(tmp_path: Path):
    servers = await asyncio.gather(start_server(tmp_path), start_server(tmp_path))
    assert sorted(line[2] for _, line in servers) == ["False", "True"]
    for server, line in servers:
        server.kill()
        await server.wait()
        await until_gone(int(line[0]))


async def test_the_lock_is_free_only_when_valkey_is_gone_too(tmp_path: Path):
    valkey = await started(tmp_path)
    assert valkey._lock_fd is not None
    os.close(valkey._lock_fd)  # what the kernel does when the server is killed
    valkey._lock_fd = None
    data_dir = tmp_path / "valkey"
    assert await embedded._lock(data_dir) is None
    await valkey.stop()
    free = await embedded._lock(data_dir)
    assert free is not None
    os.close(free)


def test_the_lock_file_is_of_this_user_and_this_process(tmp_path: Path):
    async def twice() -> tuple[Any, Any]:
        data_dir = embedded._data_dir(tmp_path)
        return await embedded._lock(data_dir), await embedded._lock(data_dir)

    first, second = asyncio.run(twice())
    assert second is None
    assert os.get_inheritable(first) is False
    os.close(first)
    assert (tmp_path / "valkey" / "lock").stat().st_mode & 0o777 == 0o600
