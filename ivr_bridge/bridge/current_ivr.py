"""The configuration that new calls get, and how it is changed under way."""

import asyncio
from collections.abc import Callable

from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.errors import ConfigError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log


class CurrentIvr:
    """Holds the newest reading of `config/` that is whole.

    Args:
        build: reads everything anew; asks nothing remote.
        log: of the server.

    Raises:
        ConfigError: from `build`: a server does not start with a broken file.
    """

    def __init__(self, build: Callable[[], Ivr], log: Log) -> None:
        self._build = build
        self._log = log
        self._turn = asyncio.Lock()
        self._rendering: asyncio.Task[None] | None = None
        self.ivr = build()
        """For the next call; calls in progress keep theirs."""

    async def start(self) -> None:
        """Make its prompts ready: what was ever rendered at once, the rest in the background."""
        await self.ivr.prompts.load()
        self._render(self.ivr)
        self._tell("start")

    async def reload(self, why: str) -> bool:
        """Read everything anew. A broken file is refused, and what was there before stays.

        Args:
            why: for the log: `SIGHUP`, or which file changed.
        """
        async with self._turn:
            try:
                fresh = await asyncio.to_thread(self._build)
            except ConfigError as error:
                self._log.emit(events.CONFIG_REFUSED, problems=[str(problem) for problem in error.problems])
                return False
            except OSError as error:
                self._log.emit(events.CONFIG_REFUSED, problems=[f"{error.filename or 'config'}: {error.strerror}"])
                return False
            await fresh.prompts.load()
            self.ivr = fresh
            self._render(fresh)
            self._tell(why)
            return True

    async def close(self) -> None:
        """Stop rendering."""
        if self._rendering is not None:
            self._rendering.cancel()
            await asyncio.wait((self._rendering,))

    def _render(self, ivr: Ivr) -> None:
        if self._rendering is not None:
            self._rendering.cancel()
        self._rendering = asyncio.get_running_loop().create_task(ivr.prompts.render_missing(), name="render prompts")

    def _tell(self, why: str) -> None:
        ivr = self.ivr
        self._log.emit(events.CONFIG_LOADED, flows=list(ivr.book.flows), tools=list(ivr.tools.names), why=why)
