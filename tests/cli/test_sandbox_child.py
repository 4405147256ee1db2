import asyncio
import io
import json
import os
import signal
from collections.abc import Iterator, Sequence

import pytest
import structlog

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.cli import sandbox_child
from ivr_bridge.cli.sandbox_child import SandboxChild, require_extra
from ivr_bridge.errors import BridgeError, MissingExtraError
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.log import Log, configure_logging

READY = "echo sandbox ready at http://127.0.0.1:4711"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging(stream=stream, pretty=False)
    yield stream
    structlog.reset_defaults()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[str], ChildProcess]]:
    """Children that run the shell command in `SCRIPT` instead of the sandbox: what was asked for, and they."""
    children: list[tuple[Sequence[str], ChildProcess]] = []
    start = ChildProcess.start

    async def start_other(args: Sequence[str], *, name: str) -> ChildProcess:
        child = await start(["sh", "-c", os.environ["SCRIPT"]], name=name)
        children.append((args, child))
        return child

    monkeypatch.setattr(sandbox_child.ChildProcess, "start", start_other)
    monkeypatch.setattr(sandbox_child, "NEEDED_MODULES", ())
    monkeypatch.setenv("SCRIPT", f"{READY}; exec sleep 60")
    return children


def events(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def test_the_product_then_asks_it_as_it_asks_the_vendor(
    lines: io.StringIO, started: list[tuple[Sequence[str], ChildProcess]]
):
    sandbox = await SandboxChild.start(Log())
    try:
        ((args, child),) = started
        assert list(args[-4:]) == ["ivr_bridge.cli.main", "sandbox", "--port", "0"]
        assert sandbox.url == "http://127.0.0.1:4711"
        given = read_settings({"PORT": "9", "ELEVENLABS_AGENT_ID": "agent_1"})
        settings = sandbox.settings_for(given)
        assert settings.elevenlabs_base_url == "http://127.0.0.1:4711"
        assert settings.elevenlabs_websocket_url == "ws://127.0.0.1:4711"
        assert settings.elevenlabs_api_key is not None
        assert settings.elevenlabs_agent_id is None
        assert settings.port == 9
        assert given.elevenlabs_api_key is None
    finally:
        await sandbox.stop()
    assert child.exited.done()
    (begun,) = events(lines)
    assert (begun["event"], begun["child"], begun["pid"]) == ("child.started", "sandbox", child.pid)
    assert begun["address"] == "http://127.0.0.1:4711"


async def test_one_that_dies_is_logged(lines: io.StringIO, started: list[tuple[Sequence[str], ChildProcess]]):
    sandbox = await SandboxChild.start(Log())
    ((_, child),) = started
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    await asyncio.sleep(0)
    _, ended = events(lines)
    assert (ended["event"], ended["level"], ended["exit_code"]) == ("child.ended", "error", 128 + signal.SIGKILL)
    await sandbox.stop()


@pytest.mark.parametrize("script", ["echo Traceback; exec sleep 60", "exit 3"])
async def test_one_that_does_not_start(
    lines: io.StringIO,
    started: list[tuple[Sequence[str], ChildProcess]],
    monkeypatch: pytest.MonkeyPatch,
    script: str,
):
    monkeypatch.setenv("SCRIPT", script)
    with pytest.raises(BridgeError, match=r"Traceback|exit code 3"):
        await SandboxChild.start(Log())
    ((_, child),) = started
    assert child.exited.done(), "it is not left behind"
    assert lines.getvalue() == ""


async def test_one_that_says_nothing(
    started: list[tuple[Sequence[str], ChildProcess]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SCRIPT", "exec sleep 60")
    monkeypatch.setattr(sandbox_child, "READY_WITHIN_S", 0.05)
    with pytest.raises(BridgeError, match="said nothing"):
        await SandboxChild.start(Log())
    assert started[0][1].exited.done()


async def test_without_the_extra_nothing_is_started(
    started: list[tuple[Sequence[str], ChildProcess]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sandbox_child, "NEEDED_MODULES", ("json", "not_installed_here"))
    with pytest.raises(MissingExtraError, match=r"ELEVENLABS_API_KEY is not set.*pip install 'ivr-bridge\[sandbox\]'"):
        await SandboxChild.start(Log())
    assert started == []
    with pytest.raises(MissingExtraError, match=r"^tea needs"):
        require_extra("tea")
