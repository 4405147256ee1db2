"""Outbound calls with everything around them in memory: records in an SQLite of this process, a Twilio that is told
what to answer, virtual time."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import StaticPool
from structlog.testing import capture_logs

from ivr_bridge.bridge.callbacks import Callbacks
from ivr_bridge.bridge.dial import Dial
from ivr_bridge.bridge.dial_book import DialBook
from ivr_bridge.bridge.dial_queue import DialQueue
from ivr_bridge.bridge.live_calls import LiveCalls
from ivr_bridge.bridge.outbound import Outbound
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.flows.hours import Calendar
from ivr_bridge.flows.model import Flow
from ivr_bridge.records.database import DatabaseFailed
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.records.tables import callbacks as callback_rows
from ivr_bridge.records.tables import dials as dial_rows
from ivr_bridge.records.tables import metadata
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import Answer, HangUp, IncomingCall
from tests.support.virtual_time import run_virtual

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OUR_NUMBER, PERSON = "+15550109000", "+15550101234"
BASE = "https://bridge.example"
PATH = "/2010-04-01/Accounts/AC1/Calls.json"

AGENT = {"agent": {"kind": "agent"}}
FLOWS: dict[str, dict[str, Any]] = {
    "main": {"numbers": ["*"], "start": "agent", "nodes": AGENT},
    "reminder": {"outbound": {"machine": "message"}, "start": "agent", "nodes": AGENT},
    "rude": {"outbound": {}, "start": "agent", "nodes": AGENT},
    "office": {"outbound": {"hours": "desk"}, "start": "agent", "nodes": AGENT},
}
WEEKDAYS = {"time_zone": "UTC", "week": {"monday": ["09:00-17:00"]}}


class FakeRecords:
    """`Records` and `Database` in one: what is told stands there at once, unless one of them is down."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        weakref.finalize(self, self._engine.dispose)  # a database that nobody closes is a warning from Python 3.13 on
        metadata.create_all(self._engine)
        self.disk_full = False
        self.down = False
        self.promised: list[str] = []

    @property
    def database(self) -> "FakeRecords":
        return self

    def _run(self, statement: Any) -> Any:
        with self._engine.begin() as connection:
            result = connection.execute(statement)
            return [dict(row) for row in result.mappings()] if result.returns_rows else result.rowcount

    async def promise(self, table: str, **values: Any) -> None:
        self._put(table, values, keep=False)

    async def promise_once(self, table: str, **values: Any) -> None:
        self._put(table, values, keep=True)

    def _put(self, table: str, values: Mapping[str, Any], *, keep: bool) -> None:
        if self.disk_full:
            raise JournalFull("no room")
        self.promised.append(table)
        insert = sqlite.insert(metadata.tables[table]).values(**values)
        if keep:
            self._run(insert.on_conflict_do_nothing())
        else:
            self._run(insert.on_conflict_do_update(index_elements=["id"], set_=dict(values)))

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        known = metadata.tables[table]
        self._run(known.update().where(*(known.c[name] == value for name, value in where.items())).values(**values))

    async def settled(self) -> None:
        return

    async def rows(self, statement: Any) -> list[dict[str, Any]]:
        if self.down:
            raise DatabaseFailed("down")
        found: list[dict[str, Any]] = self._run(statement)
        return found

    async def claim(self, table: Any, where: Mapping[str, Any], **values: Any) -> bool:
        if self.down:
            raise DatabaseFailed("down")
        chosen = [table.c[name] == value for name, value in where.items()]
        return bool(self._run(table.update().where(*chosen).values(**values)))

    def all(self, table: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._run(table.select())
        return found


class FakeRest:
    """Twilio's calls: makes what is asked for, unless it was told to answer something else."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self.account_sid = "AC1"
        self.calls: dict[str, dict[str, Any]] = {}
        self.forms: list[dict[str, Any]] = []
        """Of each create, in order, also of those that came to nothing."""
        self.asked: list[str] = []
        self.instead: list[Exception | tuple[Exception, str]] = []
        """For the next creates: an error; with a status, the call is made all the same."""
        self.after_s = 0.1

    def path(self, *segments: str) -> str:
        return "/".join(("/2010-04-01/Accounts/AC1", *segments)) + ".json"

    async def ask(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, form: Mapping[str, Any] | None = None
    ) -> Any:
        self.asked.append(f"{method} {path}")
        await asyncio.sleep(self.after_s)
        if method == "POST" and form is not None:
            return self._create(dict(form))
        if query is not None:
            between = [c for c in self.calls.values() if (c["to"], c["from"]) == (query["To"], query["From"])]
            return {"calls": between[::-1]}
        return self.calls[path.rpartition("/")[2].removesuffix(".json")]

    def _create(self, form: dict[str, Any]) -> dict[str, Any]:
        self.forms.append(form)
        error = self.instead.pop(0) if self.instead else None
        if isinstance(error, Exception):
            raise error
        sid = f"CA{len(self.calls) + 1:032}"
        created = self._wall().strftime("%a, %d %b %Y %H:%M:%S +0000")
        made = {"sid": sid, "status": "queued", "to": form["To"], "from": form["From"], "date_created": created}
        self.calls[sid] = made
        if error is not None:
            made["status"] = error[1]
            raise error[0]
        return made


@dataclass
class FakeIvr:
    book: FlowBook


@dataclass
class FakeDesk:
    calls: LiveCalls
    draining: bool = False
    answered: list[IncomingCall] = field(default_factory=list)
    answer: Answer = field(default_factory=HangUp)

    async def answer_voice(self, call: IncomingCall) -> Answer:
        self.answered.append(call)
        return self.answer


class Office:
    """What calls people, and what a test wants to know of it."""

    def __init__(
        self, logs: list[Any], records: FakeRecords | None = None, rest: FakeRest | None = None, **settings: Any
    ) -> None:
        self.logs = logs
        self.settings = Settings(**{"outbound_caller_id": OUR_NUMBER, **settings})
        self.began_at = asyncio.get_running_loop().time()
        self.begins = MONDAY
        self.records = records or FakeRecords()
        self.rest = rest or FakeRest(self.wall)
        self.desk = FakeDesk(LiveCalls(self.settings.max_calls))
        flows = {name: Flow.model_validate(flow) for name, flow in FLOWS.items()}
        self.ivr = FakeIvr(FlowBook(flows, {"desk": Calendar.model_validate(WEEKDAYS)}))
        self.book = DialBook(self.records, self.records)
        log = Log()
        self.callbacks = Callbacks(self.book, self.settings, lambda: self.ivr, log, wall=self.wall)  # type: ignore[arg-type, return-value]
        self.outbound = Outbound(
            self.settings,
            self.rest,  # type: ignore[arg-type]
            self.book,
            self.callbacks,
            self.desk,
            base_url=lambda: BASE,
            log=log,
            wall=self.wall,
        )
        self.queue = DialQueue(self.outbound, self.callbacks, self.book, self.settings, log)
        self._running: asyncio.Task[None] | None = None

    def wall(self) -> datetime:
        return self.begins + timedelta(seconds=asyncio.get_running_loop().time() - self.began_at)

    def opens(self) -> None:
        self._running = asyncio.create_task(self.queue.run())

    async def closes(self) -> None:
        """As when the process is killed: nothing is written any more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.outbound.close()

    async def asks(self, to: str = PERSON, flow: str = "reminder", *, machine: bool = False) -> Dial:
        return await self.outbound.ask(to, flow, {"name": "Ann"}, machine=machine, by="test")

    async def promises(self, number: int = 1, *, flow: str = "main", to: str = PERSON) -> bool:
        return await self.callbacks.promise(wants(number), to, flow, "en")

    async def answers(self, dial_id: str, call_sid: str) -> Answer:
        return await self.outbound.answered(dial_id, called(call_sid))

    def dials(self) -> list[tuple[str, str | None]]:
        """State and error of each dial, in the order in which they were asked for."""
        return [(row["state"], row["last_error"]) for row in self.records.all(dial_rows)]

    def waiting(self) -> list[tuple[str, int]]:
        """State and attempts of each callback."""
        return [(row["state"], row["attempts"]) for row in self.records.all(callback_rows)]

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]

    def url(self, number: int = -1) -> str:
        """Where a create has Twilio ask."""
        return str(self.rest.forms[number]["Url"])

    def dial_id(self, number: int = -1) -> str:
        return self.url(number).rpartition("/")[2]


def wants(number: int) -> IncomingCall:
    return IncomingCall(f"CB{number:032}", "AC1", PERSON, OUR_NUMBER, "inbound", "in-progress")


def called(call_sid: str) -> IncomingCall:
    return IncomingCall(call_sid, "AC1", PERSON, OUR_NUMBER, "outbound-api", "in-progress")


Story = Callable[[Office], Awaitable[None]]


def in_office(story: Story, **settings: Any) -> Office:
    """Play `story` while the queue runs."""

    async def play() -> Office:
        office = Office(logs, **settings)
        office.opens()
        await asyncio.sleep(0.01)
        await story(office)
        await office.closes()
        return office

    with capture_logs() as logs:
        return run_virtual(play())
