"""Works on what the vendor told, behind the answers: one after the other, each until it is done.

What waits stands on the disk and nowhere else, so a crowd of webhooks costs no memory, and a sudden end loses nothing.
"""

import asyncio
from dataclasses import dataclass

from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.elevenlabs.webhooks.routes import ConversationSink
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

FIRST_AGAIN_S = 5.0
LONGEST_AGAIN_S = 600.0


@dataclass(slots=True)
class _Failure:
    due_at: float
    again_s: float


class ConversationWorker:
    """Gives each conversation of `files` to the sink; one that fails is tried again, ever less often.

    Args:
        files: what waits.
        sink: who takes it.
        log: of the server.
        first_again_s: how long after the first failure; twice as long after each other one.
    """

    def __init__(
        self, files: ConversationFiles, sink: ConversationSink, log: Log, *, first_again_s: float = FIRST_AGAIN_S
    ) -> None:
        self.files = files
        self._sink = sink
        self._log = log
        self._first_again_s = first_again_s
        self._came = asyncio.Event()
        self._failures: dict[str, _Failure] = {}

    def wake(self) -> None:
        """Something came."""
        self._came.set()

    async def run(self) -> None:
        """Work until cancelled: first on what an earlier process has left."""
        while not await self._prepared():
            self._came.clear()
            await self._idle()
        while True:
            self._came.clear()
            await self._work()
            await self._idle()

    async def _prepared(self) -> bool:
        try:
            await self.files.prepare()
        except OSError as error:
            self._failed("", error)
            return False
        self._failures.clear()
        return True

    async def _work(self) -> None:
        now = asyncio.get_running_loop().time()
        try:
            waiting = await self.files.waiting()
        except OSError as error:
            self._failed("", error)
            return
        self._failures = {name: failure for name, failure in self._failures.items() if name in waiting}
        for name in waiting:
            failure = self._failures.get(name)
            if failure is None or failure.due_at <= now:
                await self._work_on(name)

    async def _work_on(self, name: str) -> None:
        try:
            await self._sink.take(await self.files.read(name))
            await self.files.worked_on(name)
        except Exception as error:  # noqa: BLE001 - a task border: logged, and tried again
            self._failed(name, error)
        else:
            self._failures.pop(name, None)

    def _failed(self, name: str, error: Exception) -> None:
        before = self._failures.get(name)
        again_s = min(before.again_s * 2, LONGEST_AGAIN_S) if before is not None else self._first_again_s
        self._failures[name] = _Failure(asyncio.get_running_loop().time() + again_s, again_s)
        self._log.emit(events.CONVERSATION_FAILED, file=name, error=repr(error), again_s=again_s)

    async def _idle(self) -> None:
        """Until something comes, or what failed is due."""
        due_at = min((failure.due_at for failure in self._failures.values()), default=None)
        try:
            async with asyncio.timeout_at(due_at):
                await self._came.wait()
        except TimeoutError:
            return
