"""Messages go to the operator's service, each until it was taken: at least once, whatever fails meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.bridge.voicemail_form import SIGNATURE_HEADER, delivery, signature
from ivr_bridge.errors import BridgeError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpFailed

FIRST_AGAIN_S = 5.0
LONGEST_AGAIN_S = 900.0
LOOK_EVERY_S = 30.0
"""For messages that another process, or an earlier one, has listed."""
SETTLE_S = 1.0
"""After a message was kept: it takes a moment until the database has it."""
OLDEST_DAYS = 7
"""What nobody took for so long is not sent any more; it stays listed."""
TIMEOUT_S = 30.0
LARGEST_BYTES = 64 * 1024 * 1024

Undelivered = Callable[[datetime], Awaitable[Sequence[Mapping[str, Any]]]]
"""Rows recorded since an instant that nobody has taken. Raises BridgeError."""


class Sender(Protocol):
    """`tools.http_request.HttpRequests` is one."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        content_type: str = "application/json",
        *,
        timeout_s: float,
        allow_private: bool = False,
    ) -> Any:
        """One request, answered with 2xx. Raises HttpFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes messages."""

    url: str
    secret: str
    allow_private: bool = False


@dataclass(slots=True)
class _Failure:
    attempts: int
    due_at: float
    again_s: float


class VoicemailDelivery:
    """One for the process; `run` is its task.

    Args:
        receiver: where messages go.
        undelivered: what nobody has taken.
        rows: where it is noted that somebody has.
        sender: sends.
        var_dir: the rows' files are relative to it.
        log: of the server.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        receiver: Receiver,
        undelivered: Undelivered,
        rows: RowKeeper,
        sender: Sender,
        *,
        var_dir: Path,
        log: Log,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._receiver = receiver
        self._undelivered = undelivered
        self._rows = rows
        self._sender = sender
        self._var_dir = var_dir
        self._log = log
        self._wall = wall
        self._came = asyncio.Event()
        self._failures: dict[str, _Failure] = {}
        self._taken: set[str] = set()
        """Taken, and perhaps not yet noted in the database."""

    def wake(self) -> None:
        """There is another message."""
        self._came.set()

    async def run(self) -> None:
        """Deliver until cancelled. Never raises."""
        while True:
            await self._deliver_all()
            due_at = min((failure.due_at for failure in self._failures.values()), default=float("inf"))
            now = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(SETTLE_S, min(due_at - now, LOOK_EVERY_S))):
                    await self._came.wait()
                    await asyncio.sleep(SETTLE_S)
                self._came.clear()
            except TimeoutError:
                continue

    async def _deliver_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            since = datetime.fromtimestamp(self._wall(), UTC) - timedelta(days=OLDEST_DAYS)
            rows = await self._undelivered(since)
        except BridgeError:
            return  # the records tell that they are delayed
        names = {str(row["id"]) for row in rows}
        self._taken &= names
        self._failures = {name: failure for name, failure in self._failures.items() if name in names}
        for row in rows:
            failure = self._failures.get(str(row["id"]))
            if str(row["id"]) not in self._taken and (failure is None or failure.due_at <= loop.time()):
                await self._deliver(row)

    async def _deliver(self, row: Mapping[str, Any]) -> None:
        name, receiver = str(row["id"]), self._receiver
        loop = asyncio.get_running_loop()
        attempt, begun_at = self._attempts(name) + 1, loop.time()
        log = self._log.bind(call_sid=str(row.get("call_sid") or ""))
        try:
            form = delivery(row, await asyncio.to_thread(_sound, self._var_dir, row.get("file")))
            headers = {
                SIGNATURE_HEADER: signature(receiver.secret, int(self._wall()), form.body),
                "Idempotency-Key": name,
            }
            await self._sender.send(
                "POST",
                receiver.url,
                headers,
                form.body,
                form.content_type,
                timeout_s=TIMEOUT_S,
                allow_private=receiver.allow_private,
            )
        except FileNotFoundError:
            return  # of another machine, which delivers it
        except (HttpFailed, OSError) as error:
            why = error.cause if isinstance(error, HttpFailed) else f"{type(error).__name__}: {error}"
            again_s = self._failed(name, attempt)
            log.emit(events.VOICEMAIL_UNDELIVERED, recording_sid=name, attempt=attempt, error=why, again_s=again_s)
            return
        self._failures.pop(name, None)
        self._taken.add(name)
        self._rows.change("voicemails", {"id": name}, delivered_at=datetime.now(UTC).isoformat(timespec="seconds"))
        log.emit(events.VOICEMAIL_DELIVERED, recording_sid=name, attempt=attempt, ms=(loop.time() - begun_at) * 1000)

    def _attempts(self, name: str) -> int:
        failure = self._failures.get(name)
        return failure.attempts if failure is not None else 0

    def _failed(self, name: str, attempts: int) -> float:
        again_s = min(FIRST_AGAIN_S * 2.0 ** min(attempts - 1, 20), LONGEST_AGAIN_S)
        self._failures[name] = _Failure(attempts, asyncio.get_running_loop().time() + again_s, again_s)
        return again_s


def _sound(var_dir: Path, file: str | None) -> bytes | None:
    """The file of a row; None when it has none. One that is too long is left for whoever fetches it.

    Raises:
        OSError: it is named, and cannot be read.
    """
    if not file:
        return None
    path = var_dir / file
    if path.stat().st_size > LARGEST_BYTES:
        return None
    return path.read_bytes()
