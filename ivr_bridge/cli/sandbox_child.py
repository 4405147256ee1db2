"""The offline agent as a child process of `serve`: the product then asks it as it would ask the vendor."""

import sys
from importlib.util import find_spec
from typing import Self

from pydantic import SecretStr

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.errors import BridgeError, MissingExtraError
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

READY_WITHIN_S = 30.0
READY = "sandbox ready at "
NEEDED_MODULES = ("espeakng_loader", "pocketsphinx", "soxr", "webrtcvad")
KEY = "sandbox"
"""Any will do: the sandbox accepts every key unless it is told one."""


def require_extra(needed_for: str) -> None:
    """Make sure that the offline agent is installed.

    Raises:
        MissingExtraError: it is not; says what for, and the command.
    """
    if any(find_spec(module) is None for module in NEEDED_MODULES):
        raise MissingExtraError("sandbox", needed_for)


class SandboxChild:
    """A running `ivr-bridge sandbox`, which ends with us."""

    def __init__(self, process: ChildProcess, url: str) -> None:
        self._process = process
        self.url = url

    @classmethod
    async def start(cls, log: Log) -> Self:
        """Start it on a free port and wait until it serves.

        Raises:
            MissingExtraError: the offline agent is not installed, and no key for a real one is set.
            BridgeError: it did not start.
        """
        require_extra("ELEVENLABS_API_KEY is not set, and the offline agent that answers without it")
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "ivr_bridge.cli.main", "sandbox"]
        process = await ChildProcess.start([*command, "--port", "0"], name="sandbox")
        try:
            line = await process.first_line(READY_WITHIN_S)
            if not line.startswith(READY):
                raise BridgeError(f"the sandbox did not start: {line}")
        except BaseException:
            await process.stop()
            raise
        child = cls(process, line.removeprefix(READY).strip())
        log.emit(events.CHILD_STARTED, child="sandbox", pid=process.pid, address=child.url)

        def ended(_: object) -> None:
            if not process.stopping:
                log.emit(events.CHILD_ENDED, child="sandbox", pid=process.pid, exit_code=process.exited.result())

        process.exited.add_done_callback(ended)
        return child

    def settings_for(self, settings: Settings) -> Settings:
        """The same settings with the vendor's address and key being the sandbox's."""
        return settings.model_copy(
            update={"elevenlabs_base_url": self.url, "elevenlabs_api_key": SecretStr(KEY), "elevenlabs_agent_id": None}
        )

    async def stop(self) -> None:
        """End it, bounded in time."""
        await self._process.stop()
