"""What a drill runs in: a sandbox and a bridge as children on free ports, with a var/ of their own."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.cli.sandbox_child import KEY, READY, READY_WITHIN_S, require_extra
from ivr_bridge.errors import BridgeError
from ivr_bridge.settings import Settings

COMMAND = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "ivr_bridge.cli.main")
PROMPTS_WITHIN_S = 120.0
"""All prompts are rendered anew for each drill; a busy machine takes its time."""
ASK_EVERY_S = 0.1
STARTED = '"server.started"'
OURS = frozenset({name.upper() for name in Settings.model_fields} | {"IVR_BRIDGE_API_KEY"}) - {"FALLBACK_NUMBER"}
"""What an operator's environment says of their real server does not hold for a drill; whom flows dial does."""
_STDERR_TO_FILE = 'exec 2>"$1"; shift; exec "$@"'


class DrillHouse:
    """The running pair: call `url`, signed with `auth_token`. Get one by `drill_house`."""

    def __init__(self, sandbox: ChildProcess, sandbox_url: str, url: str, var_dir: Path) -> None:
        self.sandbox_url = sandbox_url
        self.url = url
        self.auth_token = (var_dir / "twilio_auth_token").read_text(encoding="utf-8").strip()
        self.api_key = (var_dir / "api_key").read_text(encoding="utf-8").strip()
        self._sandbox = sandbox

    async def break_agent(self, fault: str | None) -> None:
        """From now on every conversation has this fault of the sandbox's; None: nobody listens there any more.

        Raises:
            BridgeError: the sandbox does not take it.
        """
        if fault is None:
            await self._sandbox.stop()
            return
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.sandbox_url}/sandbox/fault", json={"fault": fault}) as answer,
        ):
            if answer.status >= 300:
                raise BridgeError(f"sandbox: does not take the fault {fault}: {(await answer.text())[:200]}")


@asynccontextmanager
async def drill_house(config_dir: Path) -> AsyncIterator[DrillHouse]:
    """Start both, wait until every prompt can be played, and end both afterwards, however it goes.

    Raises:
        MissingExtraError: the offline agent is not installed.
        BridgeError: one of them did not start; the message has its last words.
    """
    require_extra("ivr-bridge drill")
    with tempfile.TemporaryDirectory(prefix="ivr-bridge-drill-") as scratch:
        var_dir = Path(scratch) / "var"
        var_dir.mkdir()
        sandbox = await _start("sandbox", ["sandbox", "--port", "0"], Path(scratch), _environment({}))
        try:
            line = await sandbox.first_line(READY_WITHIN_S)
            if not line.startswith(READY):
                raise BridgeError(f"sandbox: did not start: {line}")
            sandbox_url = line.removeprefix(READY).strip()
            ours = {"ELEVENLABS_BASE_URL": sandbox_url, "ELEVENLABS_API_KEY": KEY, "LOG_FORMAT": "json"}
            arguments = ["serve", "--port", "0", "--config", str(config_dir), "--var", str(var_dir)]
            bridge = await _start("bridge", arguments, Path(scratch), _environment(ours))
            try:
                url = await _address(bridge, Path(scratch))
                await _ready(url)
                yield DrillHouse(sandbox, sandbox_url, url, var_dir)
            finally:
                await bridge.stop()
        finally:
            await sandbox.stop()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what it says of a real server, for configs may name variables of their own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in OURS and not name.upper().startswith("ELEVEN_LABS_")
    }
    return {**kept, **ours}


async def _start(name: str, arguments: list[str], scratch: Path, env: Mapping[str, str]) -> ChildProcess:
    """One of our commands; what it says to people goes into a file."""
    return await ChildProcess.start(
        ["/bin/sh", "-c", _STDERR_TO_FILE, name, str(scratch / f"{name}.err"), *COMMAND, *arguments],
        name=name,
        env=env,
    )


async def _address(bridge: ChildProcess, scratch: Path) -> str:
    """Where the bridge serves, from its log."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                for line in bridge.last_lines:
                    if STARTED in line:
                        return str(orjson.loads(line)["url"])
                if bridge.exited.done():
                    words = (scratch / "bridge.err").read_text(encoding="utf-8", errors="replace").strip()
                    raise BridgeError(f"bridge: did not start: {words[-1000:] or list(bridge.last_lines)}")
                await asyncio.sleep(ASK_EVERY_S)
    except TimeoutError as error:
        raise BridgeError(f"bridge: did not start within {READY_WITHIN_S:g} s") from error


async def _ready(url: str) -> None:
    """Wait until the agent is known and every prompt can be played without the vendor."""
    states: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PROMPTS_WITHIN_S), aiohttp.ClientSession() as session:
            while not (states.get("prompts") == "ok" and states.get("agent", "ok") == "ok"):
                await asyncio.sleep(ASK_EVERY_S)
                async with session.get(f"{url}/readyz") as answer:
                    states = (await answer.json())["dependencies"]
    except TimeoutError as error:
        raise BridgeError(f"bridge: not ready within {PROMPTS_WITHIN_S:g} s: {states}") from error
