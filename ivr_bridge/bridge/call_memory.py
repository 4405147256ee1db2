"""The calls of all workers, as the store knows them: written when something changes, read by whoever is asked.

Writing happens in a task of its own, a moment later and only what is newest of each call, so that no caller's audio and
no webhook waits for it. Each worker also says a few times in ten seconds that it lives.
"""

import asyncio
import secrets
from contextlib import suppress

from ivr_bridge.bridge.call_image import CallImage, read, sensitive_variables, without_secrets, written
from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.flows.moves import TakeVoicemail, Transfer
from ivr_bridge.store.store import Store

GATHERED_S = 0.1
"""Changes of so long are written together."""
ALIVE_S = 10.0
"""A worker that has said nothing for so long is gone."""
BEAT_EVERY_S = 3.0
AFTER_CALL_S = 3600.0
"""An image that nobody deletes is forgotten when the longest call is over, and so long after."""
OVER_S = 60.0
"""So long it is told that a call is over which another worker holds."""


class CallMemory:
    """One for the process.

    Args:
        store: shared by all workers; what is in it may be lost.
        worker: the name of this one.
        max_call_s: the longest call.
    """

    def __init__(self, store: Store, worker: str, max_call_s: float) -> None:
        self._store = store
        self.worker = worker
        self.run = secrets.token_hex(8)
        """Of this process; the worker's name may have been another one's before."""
        self._kept_s = max_call_s + AFTER_CALL_S
        self._changed: dict[str, LiveCall] = {}
        self._hurry = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._beat_at: float | None = None

    def note(self, live: LiveCall, *, at_once: bool = False) -> None:
        """Something of this call has changed; it is written soon, or `at_once` (but not before this returns)."""
        self._changed[live.call_sid] = live
        if at_once:
            self._hurry.set()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_changed(), name="call memory")

    async def _write_changed(self) -> None:
        while self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHERED_S):
                    await self._hurry.wait()
            self._hurry.clear()
            changed, self._changed = self._changed, {}
            for live in changed.values():
                if live.state is not CallState.OVER:
                    await self.write(live)
                elif not live.taken_over:
                    await self._store.delete(_key(live.call_sid))

    async def write(self, live: LiveCall) -> None:
        """Write it now; of a call without a stream first see whether another worker has brought it further."""
        if live.state is not CallState.STREAMING and not live.elsewhere:
            image = await self.read(live.call_sid)
            if image is not None and image.revision > live.revision:
                return  # whoever looks for the call next finds that
        await self.beat_if_due()
        live.revision += 1
        kept_s = OVER_S if live.state is CallState.OVER else self._kept_s
        await self._store.set(_key(live.call_sid), written(self._image(live)), ttl_s=kept_s)

    async def read(self, call_sid: str) -> CallImage | None:
        """What is known of a call, if anything is."""
        text = await self._store.get(_key(call_sid))
        return read(text) if text is not None else None

    async def forget(self, call_sid: str) -> None:
        """The call is over, and nobody is left whom it concerns."""
        await self._store.delete(_key(call_sid))

    def is_ours(self, image: CallImage) -> bool:
        """Whether this process is the one that holds the call."""
        return image.run == self.run

    async def lives(self, image: CallImage) -> bool:
        """Whether the process that holds this call has said lately that it lives."""
        return await self._store.get(_heart(image.worker)) == image.run.encode()

    async def beat_if_due(self) -> None:
        """Say that this worker lives, if it is time to."""
        now = asyncio.get_running_loop().time()
        if self._beat_at is None or now - self._beat_at >= BEAT_EVERY_S:
            self._beat_at = now
            await self._store.set(_heart(self.worker), self.run.encode(), ttl_s=ALIVE_S)

    async def close(self) -> None:
        """Write what is left to be written; this worker lives no more."""
        if self._writing is not None:
            self._hurry.set()
            await asyncio.wait([self._writing])
        if self._beat_at is not None:
            await self._store.delete(_heart(self.worker))

    def _image(self, live: LiveCall) -> CallImage:
        journey, ended = live.journey, live.stream_termination
        leaving = journey.leaving
        image = CallImage(
            worker=live.elsewhere.worker if live.elsewhere else self.worker,
            run=live.elsewhere.run if live.elsewhere else self.run,
            revision=live.revision,
            state=live.state,
            asked=live.asked,
            flow=journey.state,
            begun=live.begun,
            transcript=tuple(live.transcript.lines),
            left_out=live.transcript.left_out,
            transfer=leaving if isinstance(leaving, Transfer) else None,
            voicemail=leaving if isinstance(leaving, TakeVoicemail) else None,
            said_on_leaving=journey.said_on_leaving,
            vendors_twiml=journey.vendors_twiml,
            news=journey.news,
            ended_as=ended.code if ended is not None else "",
            reconnects=live.reconnects,
            rungs={name: ladder.number for name, ladder in live.ladders.items() if ladder.number},
            agent_language=live.order.language,
            conversation_id=live.account.conversation_id,
            streams=live.account.streams,
        )
        return without_secrets(image, sensitive_variables(live.ivr.book.flows.values()))


def _key(call_sid: str) -> str:
    return f"call:{call_sid}"


def _heart(worker: str) -> str:
    return f"worker:{worker}"
