"""People who are called for a caller who waits: Twilio's REST API in memory, and what they do when it rings.

It takes the place of `TwilioRest`; what Twilio would post comes back as calls of the desk's own methods.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ivr_bridge.bridge.desk import Desk
from ivr_bridge.bridge.warm_transfers import WarmNeeds
from ivr_bridge.errors import VendorError, VendorRejected
from ivr_bridge.store.store import Store
from ivr_bridge.twilio.call_desk import Answer, AskToAccept, IncomingCall, JoinRoom

BASE = "https://bridge.example"
ACCOUNT = "AC" + "3" * 32


@dataclass(frozen=True)
class Person:
    """What becomes of a call to them: a `CallStatus` that ends it, or keys pressed after each question."""

    status: str = "answers"
    rings_s: float = 4.0
    keys: tuple[str, ...] = ("1",)
    thinks_s: float = 3.0
    hangs_up_after_s: float | None = None
    """In the middle of the whisper."""
    notices: bool = True
    """Whether Twilio's notices about this call come."""


@dataclass
class PersonsCall:
    sid: str
    to: str
    form: dict[str, Any]
    status: str = "queued"
    heard: list[Answer] = field(default_factory=list)

    @property
    def token(self) -> str:
        return urlsplit(self.form["Url"]).path.rpartition("/")[2]

    @property
    def room(self) -> str | None:
        """The conference that they are in."""
        last = self.heard[-1] if self.heard and self.status == "in-progress" else None
        return last.room if isinstance(last, JoinRoom) else None


@dataclass
class People:
    """One for a story; `persons` by number."""

    persons: dict[str, Person] = field(default_factory=dict)
    create_error: VendorError | None = None
    """Raised instead of an answer; with `made_anyway` the phone rings all the same."""
    made_anyway: bool = False
    update_errors: list[VendorError] = field(default_factory=list)
    desk: Desk | None = None
    calls: list[PersonsCall] = field(default_factory=list)
    updates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """SID and form, in order."""
    came_back: list[Answer] = field(default_factory=list)
    """What a redirected caller was answered."""
    deaf: bool = False
    """Whether redirects have no effect."""
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    account_sid: str = ACCOUNT

    def needs(self, store: Store) -> WarmNeeds:
        return WarmNeeds(
            self,  # type: ignore[arg-type]
            store,
            lambda: BASE,
            hold_url=lambda: f"{BASE}/hold.wav",
            wall_s=lambda: asyncio.get_running_loop().time(),
        )

    # What the product sees of TwilioRest

    def path(self, *segments: str) -> str:
        return "/".join(segments)

    async def ask(self, method: str, path: str, *, query: Any = None, form: dict[str, Any] | None = None) -> Any:
        await asyncio.sleep(0.15)
        assert method == "POST"
        given = {name: value for name, value in (form or {}).items() if value is not None}
        if path == "Calls":
            return self._create(given)
        return self._update(path.rpartition("/")[2], given)

    def _create(self, form: dict[str, Any]) -> Any:
        if self.create_error is not None and not self.made_anyway:
            raise self.create_error
        call = PersonsCall(f"CA{len(self.calls) + 1:0>32}".replace("CA0", "CAf", 1), form["To"], form)
        self.calls.append(call)
        self._go(self._lives(call, self.persons[form["To"].partition("?")[0]]))
        if self.create_error is not None:
            raise self.create_error
        return {"sid": call.sid, "status": "queued"}

    def _update(self, call_sid: str, form: dict[str, Any]) -> Any:
        self.updates.append((call_sid, form))
        if self.update_errors:
            raise self.update_errors.pop(0)
        for call in self.calls:
            if call.sid == call_sid:
                if call.status in ("completed", "busy", "no-answer", "failed"):
                    raise VendorRejected("not in-progress", status=400, vendor_code="21220")
                self._go(self._ends(call, "completed"))
                return {"sid": call_sid, "status": "completed"}
        if not self.deaf:
            self._go(self._asks_again(call_sid))
        return {"sid": call_sid, "status": "in-progress"}

    # What Twilio and the person do

    async def _asks_again(self, call_sid: str) -> None:
        await asyncio.sleep(0.1)
        assert self.desk is not None
        self.came_back.append(await self.desk.stream_ended(self.caller(call_sid)))

    @staticmethod
    def caller(call_sid: str, **more: Any) -> IncomingCall:
        fields = {"status": "in-progress", **more}
        return IncomingCall(call_sid, ACCOUNT, "+15550100001", "+15550100002", "inbound", **fields)

    async def _lives(self, call: PersonsCall, person: Person) -> None:
        assert self.desk is not None
        call.status = "ringing"
        await asyncio.sleep(min(person.rings_s, float(call.form["Timeout"])))
        if call.status != "ringing":
            return
        if person.status != "answers" or person.rings_s > float(call.form["Timeout"]):
            await self._ends(call, "no-answer" if person.status == "answers" else person.status, person.notices)
            return
        call.status = "in-progress"
        call.heard.append(await self.desk.whisper(self._asking(call), call.token))
        keys = list(person.keys)
        while isinstance(call.heard[-1], AskToAccept) and call.status == "in-progress":
            if person.hangs_up_after_s is not None:
                await asyncio.sleep(person.hangs_up_after_s)
                break
            await asyncio.sleep(person.thinks_s)
            key = keys.pop(0) if keys else ""
            call.heard.append(await self.desk.whisper_answered(self._asking(call), call.token, key))
        if not isinstance(call.heard[-1], JoinRoom):
            await self._ends(call, "completed", person.notices)

    def _asking(self, call: PersonsCall) -> IncomingCall:
        return IncomingCall(call.sid, ACCOUNT, call.form["From"], call.to, "outbound-api", "in-progress")

    async def _ends(self, call: PersonsCall, status: str, notices: bool = True) -> None:
        if call.status == status:
            return
        call.status = status
        await asyncio.sleep(0.05)
        if notices and self.desk is not None:
            self.desk.transfer_status_changed(call.token, call.sid, status)

    def hangs_up(self, number: str) -> None:
        """The last one who was called at this number."""
        self._go(self._ends(next(call for call in reversed(self.calls) if call.to == number), "completed"))

    def _go(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.result()

    async def go_home(self) -> None:
        """The story is over, whoever is still on the phone."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def sent_to(self, call_sid: str) -> list[dict[str, Any]]:
        """How this call was changed, in order."""
        return [form for sid, form in self.updates if sid == call_sid]
