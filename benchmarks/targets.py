"""What is measured: our server with everything on, and the plain relay; each a process that we start and end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import aiohttp

from benchmarks.cores import pin
from benchmarks.load.script import AGENT_ID, AUTH_TOKEN, PCM, PUBLIC_BASE_URL

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S, STOP_WITHIN_S = 40.0, 8.0
AT_REST_S = 0.5
"""Between a target's readiness and the first call."""
_SERVE = "import sys; from ivr_bridge.cli.main import main; sys.exit(main())"


class TargetFailed(Exception):
    """A target could not be started; the words say how, with the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target is to serve and what lies around it."""

    port: int
    vendor_url: str
    audio_format: str
    folder: Path
    """Its own, new and empty."""


@dataclass(frozen=True, slots=True)
class Target:
    """One of those that are compared."""

    name: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], Mapping[str, str]]
    ready_path: str | None
    """Tells of each dependency whether it is `ok`; None: that it answers at all is all it can say."""


def _our_environment(place: Place) -> Mapping[str, str]:
    return {
        "HOST": "127.0.0.1",
        "PORT": str(place.port),
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_ACCOUNT_SID": "",
        "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
        "ELEVENLABS_API_KEY": "key",
        "ELEVENLABS_AGENT_ID": AGENT_ID,
        "ELEVENLABS_BASE_URL": place.vendor_url,
        "REDIS_URL": "",
        "CONFIG_DIR": str(ROOT / "config"),
        "VAR_DIR": str(place.folder / "var"),
        "MAX_CALLS": "1000",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "info",
        "DRAIN_S": "1",
    }


OURS = Target("ivr-bridge", lambda _place: [sys.executable, "-c", _SERVE, "serve"], _our_environment, "/readyz")
PLAIN = Target(
    "plain relay",
    lambda place: [
        *(sys.executable, "-m", "benchmarks.plain_relay", "--port", str(place.port), "--vendor", place.vendor_url),
        *(["--pcm"] if place.audio_format == PCM else []),
    ],
    lambda _place: {},
    None,
)
TARGETS = {"ours": OURS, "plain": PLAIN}


@asynccontextmanager
async def running(
    target: Target, agent_port: int, audio_format: str, core: int | None
) -> AsyncIterator[tuple[int, int]]:
    """A warm target: its port and process id. It is ended, with its children, however the block is left.

    Raises:
        TargetFailed: it ended, or was not ready in `READY_WITHIN_S`.
    """
    with tempfile.TemporaryDirectory(prefix="ivr-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        place = Place(_free_port(), f"http://127.0.0.1:{agent_port}", audio_format, folder)
        with (folder / "log.jsonl").open("wb") as log:
            process = await _start(target, place, log, core)
            try:
                await _until_ready(target, place, process, folder / "log.jsonl")
                await asyncio.sleep(AT_REST_S)
                yield place.port, process.pid
            finally:
                await _stop(process)


async def _start(target: Target, place: Place, log: IO[bytes], core: int | None) -> Process:
    return await asyncio.create_subprocess_exec(
        *target.command(place),
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore", **target.environment(place)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=None if core is None else lambda: pin(0, core),
    )


async def _until_ready(target: Target, place: Place, process: Process, log: Path) -> None:
    url = f"http://127.0.0.1:{place.port}{target.ready_path or '/'}"
    try:
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
            while process.returncode is None:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with session.get(url) as response:
                        if target.ready_path is None or _all_warm(await response.text()):
                            return
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise TargetFailed(f"{target.name} was not ready in {READY_WITHIN_S:g} s: {_end_of(log)}") from error
    raise TargetFailed(f"{target.name} ended with {process.returncode}: {_end_of(log)}")


def _all_warm(text: str) -> bool:
    """The agent was read and every prompt rendered: nothing is left that would be done during the run."""
    try:
        states = json.loads(text)["dependencies"]
    except (ValueError, KeyError):
        return False
    return bool(states.get("agent") == "ok" and states.get("prompts") == "ok")


def _end_of(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if "API key" not in line]
    return "\n".join(lines)[-800:].strip() or "it printed nothing"


async def _stop(process: Process) -> None:
    for number, wait_s in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, STOP_WITHIN_S)):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGTERM:
                process.send_signal(number)
            else:
                os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
