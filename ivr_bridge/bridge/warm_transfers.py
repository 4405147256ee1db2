"""Warm transfers: the caller waits in a conference, a person is called, hears a summary, and takes the call by a key.

What a webhook needs lies in the store, so that any worker can answer it; the process that began a transfer only makes
the call and minds the time. A transfer is *open* until somebody takes its one ticket out of the store: the person who
presses the key (they join), or whoever gives it up (the person is hung up, the caller brought back). So of a person who
takes the call and a time that runs out, one wins, in whatever process they happen.

The caller is brought back by a redirect to the `action` URL, where the flow goes on as after any `<Dial>`.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import cast

import orjson

from ivr_bridge.bridge import whisper
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.bridge.transfer_outcome import BY_STATUS, Outcome, TransferOutcome, outcome_of_dial, talked
from ivr_bridge.bridge.whisper import ACCEPT_KEY
from ivr_bridge.errors import VendorError
from ivr_bridge.flows.model import Flow, Language, TransferNode
from ivr_bridge.flows.moves import Transfer
from ivr_bridge.flows.putting_through import REASON
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.answer_text import STREAM_ENDED_PATH, TRANSFER_STATUS_PATH, WHISPER_PATH
from ivr_bridge.twilio.call_desk import Answer, AskToAccept, HangUp, IncomingCall, JoinRoom, SayAndHangUp, Spoken
from ivr_bridge.twilio.calls import NewCall, change_call, create_call, surely_not_made
from ivr_bridge.twilio.rest import TwilioRest
from ivr_bridge.twilio.sip_address import with_headers

TOKEN_BYTES = 24
KEPT_S = 4 * 3600.0
"""Longer than any talk, so that its length is known at its end."""
ASK_WAIT_S, ASKS = 6, 3
"""For a key, and how often the person is asked."""
ANSWER_WITHIN_S = 75.0
"""From the first ring's limit on: the summary, three times, and the key."""
SETTLED_S = 1.0
"""A redirect must not overtake the answer that sent the caller into the conference."""
BACK_WITHIN_S, BACK_TRIES, BACK_LOOK_S = 5.0, 3, 0.25
"""After a redirect Twilio asks what follows; if it does not, it is redirected again."""

InBackground = Callable[[Awaitable[None]], None]


@dataclass(frozen=True, slots=True)
class Room:
    """What is known of a transfer from its beginning, as it lies in the store."""

    call_sid: str
    room: str
    words: str
    language: Language
    begun_at_s: float
    """Wall time, since several processes read it."""


@dataclass(frozen=True, slots=True)
class WarmNeeds:
    """What app.py hands in."""

    rest: TwilioRest
    """Of the account that the calls belong to."""
    store: Store
    """Shared by all workers."""
    base_url: Callable[[], str]
    """As Twilio reaches us, now."""
    hold_url: Callable[[], str] = lambda: ""
    """What a caller hears who waits; empty: silence."""
    wall_s: Callable[[], float] = time.time


class WarmTransfers:
    """One for the process.

    Args:
        needs: what it stands on.
        broken_s: a connection that is shorter is none.
        in_background: does what no answer waits for.
        log: of the server.
    """

    def __init__(self, needs: WarmNeeds, *, broken_s: float, in_background: InBackground, log: Log) -> None:
        self._rest = needs.rest
        self._store = needs.store
        self._base_url = needs.base_url
        self._hold_url = needs.hold_url
        self._wall_s = needs.wall_s
        self._broken_s = broken_s
        self._in_background = in_background
        self._log = log

    # The caller's side

    def begin(self, live: LiveCall, transfer: Transfer, spoken: Spoken | None) -> JoinRoom:
        """Let the caller wait, and call the person meanwhile; returns at once.

        Args:
            live: the call; its `transfer` is set already.
            transfer: to whom.
            spoken: said to the caller before the music.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        language = transfer.person_language
        words = transfer.whisper or whisper.summary(
            language,
            flow=live.journey.state.flow,
            reason=live.journey.values.get(REASON, ""),
            unanswered=live.transcript.unanswered,
        )
        place = _place(token)
        room = Room(live.call_sid, f"transfer-{place[:24]}", words, language, self._wall_s())
        self._in_background(self._reach(live, transfer, token, room))
        return JoinRoom(room.room, spoken=spoken, hold_url=self._hold_url(), limit_s=transfer.limit_s)

    async def ended(self, call: IncomingCall, *, completed: bool) -> TransferOutcome | None:
        """What the caller's return, or end, says about the transfer.

        Args:
            call: the `action` request of the caller's leg.
            completed: whether the caller is gone.

        Returns:
            None when nothing has ended: Twilio repeats a question.
        """
        place = (await self._store.get(_of_call(call.call_sid)) or b"").decode()
        if not place:  # it has hardly begun, or was made cold elsewhere
            return outcome_of_dial(call, self._broken_s) if call.dial_status or completed else None
        await self._store.set(_key("back", place), b"1", ttl_s=BACK_WITHIN_S * BACK_TRIES * 2)
        if (over := await self._store.get(_key("over", place))) is not None:
            await self._store.delete(_of_call(call.call_sid))
            return TransferOutcome(cast(Outcome, over.decode()))
        if (joined := await self._store.get(_key("joined", place))) is not None:
            await self._store.delete(_of_call(call.call_sid))
            return talked(max(0.0, self._wall_s() - float(joined)), self._broken_s)
        if not completed and not call.dial_status:
            return None
        outcome: Outcome = "caller_gone" if completed else "failed"
        self._in_background(self._give_up(place, call.call_sid, outcome, bring_back=False))
        return TransferOutcome(outcome)

    def let_go(self, call_sid: str) -> None:
        """The call is over: nobody is called for it any more."""
        self._in_background(self._let_go(call_sid))

    # The person's side

    async def whisper(self, call: IncomingCall, token: str) -> Answer:
        """The person has answered: the summary, and the question whether they take the call."""
        place, room = await self._find(token)
        if room is None:
            return HangUp()
        if not await self._is_person(place, call.call_sid):
            return HangUp()
        self._log.bind(call_sid=room.call_sid).emit(events.TRANSFER_WHISPERED, person_call_sid=call.call_sid)
        return await self._ask(token, place, room)

    async def answered(self, call: IncomingCall, token: str, digits: str) -> Answer:
        """The person has pressed a key: they join, are asked again, or have declined.

        Asked again, the answer is the same.
        """
        place, room = await self._find(token)
        if room is None or not await self._is_person(place, call.call_sid):
            return HangUp()
        if digits == ACCEPT_KEY:
            if await self._store.take(_key("open", place)) is not None:
                await self._store.set(_key("joined", place), str(self._wall_s()).encode(), ttl_s=KEPT_S)
            elif await self._store.get(_key("joined", place)) is None:
                return SayAndHangUp(whisper.gone(room.language))
            return JoinRoom(room.room, as_person=True)
        if not digits:
            return await self._ask(token, place, room)
        self._in_background(self._give_up(place, room.call_sid, "declined"))
        return HangUp()

    def status_changed(self, token: str, status: str) -> None:
        """Twilio's notice about the person's call."""
        outcome = BY_STATUS.get(status)
        if outcome is not None:
            self._in_background(self._person_gone(token, outcome))

    # Behind the answers

    async def _reach(self, live: LiveCall, transfer: Transfer, token: str, room: Room) -> None:
        place, under_way = _place(token), live.transfer
        await self._store.set(_key("room", place), orjson.dumps(asdict(room)), ttl_s=KEPT_S)
        await self._store.set(_key("open", place), b"1", ttl_s=KEPT_S)
        await self._store.set(_of_call(live.call_sid), place.encode(), ttl_s=KEPT_S)
        if under_way is None or live.transfer is not under_way:
            await self._store.delete(_key("open", place))
            return
        base_url = self._base_url()
        call = NewCall(
            to=with_headers(transfer.number, transfer.headers),
            caller_id=transfer.caller_id or _our_number(live.asked),
            url=f"{base_url}{WHISPER_PATH}/{token}",
            status_url=f"{base_url}{TRANSFER_STATUS_PATH}/{token}",
            ring_s=transfer.ring_s,
            limit_s=transfer.limit_s,
        )
        try:
            created = await create_call(self._rest, call)
        except VendorError as error:
            live.log.emit(events.TRANSFER_UNPLACED, node=transfer.node, code=error.code, error=str(error))
            if surely_not_made(error):
                await self._give_up(place, live.call_sid, "failed")
                return
            # Perhaps a phone rings: then its own webhooks go on with it.
        else:
            await self._store.set(_key("person", place), created.sid.encode(), ttl_s=KEPT_S)
            if await self._store.get(_key("over", place)) is not None:
                await self._hang_up_person(place)
                return
        if not await under_way.over_within(transfer.ring_s + ANSWER_WITHIN_S):
            await self._give_up(place, live.call_sid, "no_answer")

    async def _person_gone(self, token: str, outcome: Outcome) -> None:
        place, room = await self._find(token)
        if room is not None:
            await self._give_up(place, room.call_sid, outcome, hang_up=False)

    async def _let_go(self, call_sid: str) -> None:
        if place := await self._store.get(_of_call(call_sid)):
            await self._give_up(place.decode(), call_sid, "caller_gone", bring_back=False)

    async def _give_up(
        self, place: str, call_sid: str, outcome: Outcome, *, hang_up: bool = True, bring_back: bool = True
    ) -> None:
        """End it, unless the person has joined or somebody else has given it up."""
        if await self._store.take(_key("open", place)) is None:
            return
        await self._store.set(_key("over", place), outcome.encode(), ttl_s=KEPT_S)
        if bring_back:
            await self._bring_back(place, call_sid)
        if hang_up:
            await self._hang_up_person(place)

    async def _bring_back(self, place: str, call_sid: str) -> None:
        room = await self._read_room(place)
        if room is not None:
            await asyncio.sleep(min(SETTLED_S, max(0.0, room.begun_at_s + SETTLED_S - self._wall_s())))
        log = self._log.bind(call_sid=call_sid)
        for tried in range(1, BACK_TRIES + 1):
            try:
                if not await change_call(self._rest, call_sid, url=self._base_url() + STREAM_ENDED_PATH):
                    return
            except VendorError as error:
                log.emit(events.TRANSFER_STUCK, tried=tried, code=error.code, error=str(error))
            if await self._is_back(place):
                return

    async def _is_back(self, place: str) -> bool:
        """Whether Twilio asks within its time what follows."""
        due_at = asyncio.get_running_loop().time() + BACK_WITHIN_S
        while asyncio.get_running_loop().time() < due_at:
            if await self._store.get(_key("back", place)) is not None:
                return True
            await asyncio.sleep(BACK_LOOK_S)
        return False

    async def _hang_up_person(self, place: str) -> None:
        person_sid = await self._store.get(_key("person", place))
        if person_sid is None:
            return
        try:
            await change_call(self._rest, person_sid.decode(), status="completed")
        except VendorError as error:
            self._log.emit(events.TRANSFER_PERSON_LEFT, code=error.code, error=str(error))

    async def _ask(self, token: str, place: str, room: Room) -> Answer:
        if await self._store.get(_key("open", place)) is None:
            return SayAndHangUp(whisper.gone(room.language))
        asks = int(await self._store.get(_key("asks", place)) or 0) + 1
        if asks > ASKS:
            self._in_background(self._give_up(place, room.call_sid, "declined", hang_up=False))
            return HangUp()
        await self._store.set(_key("asks", place), str(asks).encode(), ttl_s=KEPT_S)
        return AskToAccept(token, whisper.asked(room.words, room.language), ASK_WAIT_S)

    async def _is_person(self, place: str, call_sid: str) -> bool:
        """Whether it is the call that was made for this transfer; the first one to ask is, before Twilio named it."""
        known = await self._store.get(_key("person", place))
        if known is None:
            await self._store.set(_key("person", place), call_sid.encode(), ttl_s=KEPT_S)
        return known is None or known.decode() == call_sid

    async def _find(self, token: str) -> tuple[str, Room | None]:
        place = _place(token)
        return place, await self._read_room(place)

    async def _read_room(self, place: str) -> Room | None:
        kept = await self._store.get(_key("room", place))
        return Room(**orjson.loads(kept)) if kept is not None else None


def tell_of_cold_ones(flows: Mapping[str, Flow], log: Log) -> None:
    """Warn of each warm transfer of a configuration, where there are no credentials to make it so."""
    for name, flow in flows.items():
        for label, node in flow.nodes.items():
            if isinstance(node, TransferNode) and node.mode == "warm":
                log.emit(events.TRANSFER_DOWNGRADED, flow=name, node=label)


def _place(token: str) -> str:
    """Where a transfer lies in the store; whoever reads the store learns no token from it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _key(what: str, place: str) -> str:
    return f"warm_transfer:{place}:{what}"


def _of_call(call_sid: str) -> str:
    return f"warm_transfer_of:{call_sid}"


def _our_number(call: IncomingCall) -> str:
    """The number of ours that the caller is connected with."""
    return call.caller if call.direction.startswith("outbound") else call.called
