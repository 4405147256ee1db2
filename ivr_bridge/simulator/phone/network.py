"""One network: the calls, conferences and recordings that it knows, its numbers, and who answers where.

```python
async with Network(line) as network:
    network.callees.set("+15550100009", machine(greeting))
    report = await Phone(line, network=network).call(script)
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp

from ivr_bridge.simulator.phone.callees import LONG_S, Callee, Callees, busy, listener, nobody, unreachable
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.recordings import RecordingShelf
from ivr_bridge.simulator.phone.webhooks import Webhooks

if TYPE_CHECKING:
    from types import TracebackType

    from ivr_bridge.simulator.phone.call_account import CallAccount
    from ivr_bridge.simulator.phone.conference import Conference
    from ivr_bridge.simulator.phone.network_leg import NetworkLeg
    from ivr_bridge.simulator.phone.recording import Recording
    from ivr_bridge.simulator.phone.report import CallReport

CLOSE_S = 3.0
"""How long calls may take to end when the network is closed."""


class NetworkCall(Protocol):
    """A call's leg, as REST and conferences know it."""

    account: CallAccount
    ear: NetworkLeg
    recording: Recording

    @property
    def sid(self) -> str:
        """The CallSid."""
        ...

    def go_on_at(self, url: str, method: str) -> None:
        """Leave whatever runs for the document at this URL."""
        ...

    def go_on_with(self, twiml: str) -> None:
        """Leave whatever runs for this document."""
        ...

    def end(self) -> None:
        """Hang up."""
        ...

    def report(self) -> CallReport:
        """What this leg said and heard, up to now."""
        ...


class Network:
    """Everything that outlives one call; close it, or use it as a context.

    Args:
        line: where webhooks go and as whom they are signed; its outcome of a `<Dial>` is the default for all callees.
        refused_dial_status: the DialCallStatus of a call whose whisper hung up: the vendor's own example of call
            screening needs another than `completed`, and nothing says which. `DialBridged` is false in any case.
    """

    def __init__(self, line: Line, *, refused_dial_status: str = "no-answer") -> None:
        self.line = line
        self.refused_dial_status = refused_dial_status
        self.callees = Callees(_default_callee(line))
        self.calls: dict[str, NetworkCall] = {}
        self.conferences: dict[str, Conference] = {}
        self.recordings = RecordingShelf()
        self.numbers: frozenset[str] = frozenset()
        """That the account owns; with any, a `callerId` must be one of them, or an end of its call."""
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Network:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    def webhooks(self, faults: PhoneFaults | None = None) -> Webhooks:
        """Webhooks of the network's own, which live as long as it does."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return Webhooks(self._session, self.line, faults or PhoneFaults())

    def live_conference(self, name: str) -> Conference | None:
        """The conference of this name that has not ended."""
        return next((each for each in self.conferences.values() if each.name == name and not each.is_over), None)

    def conference_of(self, call_sid: str) -> Conference | None:
        """The conference that a call takes part in."""
        return next((each for each in self.conferences.values() if call_sid in each.room.seats), None)

    def write_wavs(self, folder: Path) -> list[Path]:
        """Each leg's own recording as `<CallSid>.wav`: left what the person said, right what they heard."""
        paths = []
        for sid, call in self.calls.items():
            path = folder / f"{sid}.wav"
            path.write_bytes(call.report().wav())
            paths.append(path)
        return paths

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """A call of the network's own goes on by itself, until `close`."""
        self._running.add(asyncio.create_task(work))

    async def idle(self) -> None:
        """Wait until no call of the network's own goes on; what broke in one is raised."""
        while self._running:
            done, self._running = await asyncio.wait(self._running)
            for task in done:
                task.result()

    async def close(self) -> None:
        """Hang up what still goes on, let go of what was opened; harmless twice. What broke in a call is raised."""
        for call in self.calls.values():
            if not call.account.is_over and self._running:
                call.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.idle()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = set()
        for conference in self.conferences.values():
            conference.room.close()
        if self._session is not None:
            await self._session.close()
            self._session = None


def _default_callee(line: Line) -> Callee:
    """What the line says of every `<Dial>`."""
    match line.dial_call_status:
        case "completed":
            return listener(line.person_listens_s, rings_s=line.dial_ring_s, is_spoken=line.in_real_time)
        case "busy":
            return busy()
        case "failed":
            return unreachable()
        case _:
            return nobody(min(line.dial_ring_s, LONG_S))
