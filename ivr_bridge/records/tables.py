"""The tables; migrations/ makes them, tests hold the two against each other.

Instants are UTC and aware. A person can be known by `caller`, `called`, `number`, `to_number`, `text`, `summary` and by
what lies in a `file`: erasures.py knows which of them are emptied, and which rows go.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """A moment: aware and UTC on every database, also on SQLite, which forgets the zone. Takes ISO 8601 text too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:
        """As it is stored."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant has a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As it is read."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata = MetaData(naming_convention=NAMING)

calls = Table(
    "calls",
    metadata,
    Column("call_sid", String(64), primary_key=True),
    Column("direction", String(16)),
    Column("caller", String(64)),
    Column("called", String(64)),
    Column("flow", String(64)),
    Column("language", String(8)),
    Column("agent_id", String(128)),
    Column("began_at", Instant, index=True),
    Column("ended_at", Instant),
    Column("duration_s", Float),
    Column("termination", String(64)),
    Column("account", JSON),
    Column("erased_at", Instant),
)
"""One call; `account` is what `call.ended` says. With `erased_at` nothing personal is entered for it any more."""

turns = Table(
    "turns",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("call_sid", String(64)),
    Column("position", Integer),
    Column("speaker", String(16)),
    Column("text", Text),
    Column("at", Instant),
    Index("ix_turns_call_sid", "call_sid", "position"),
)
"""What was said: `speaker` is caller, agent or line."""

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("tool", String(64)),
    Column("ok", Boolean),
    Column("error", String(64)),
    Column("ms", Float),
    Column("at", Instant),
)
"""Neither arguments nor results: they are the caller's."""

transfers = Table(
    "transfers",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("kind", String(16)),
    Column("to_number", String(128)),
    Column("outcome", String(32)),
    Column("talked_s", Float),
    Column("broken", Boolean),
    Column("at", Instant),
)
"""`broken`: the other side took the call and was gone within seconds."""

rungs = Table(
    "rungs",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("rung", String(32)),
    Column("cause", String(32)),
    Column("at", Instant),
)

voicemails = Table(
    "voicemails",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("caller", String(64)),
    Column("called", String(64)),
    Column("recorded_at", Instant, index=True),
    Column("duration_s", Float),
    Column("recording_sid", String(64)),
    Column("recording_url", Text),
    Column("file", Text),
    Column("home", String(64)),
    Column("heard_at", Instant),
    Column("delivered_at", Instant),
)
"""`file` is relative to the `var/` whose id is `home`: see home.py."""

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("call_sid", String(64)),
    Column("number", String(64)),
    Column("flow", String(64)),
    Column("language", String(8)),
    Column("asked_at", Instant, index=True),
    Column("state", String(16), index=True),
    Column("attempts", Integer),
    Column("last_at", Instant),
    Column("last_error", String(128)),
)
"""`state`: waiting, dialling, done, failed, cancelled."""

dials = Table(
    "dials",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("to_number", String(64)),
    Column("flow", String(64)),
    Column("asked_at", Instant, index=True),
    Column("variables", JSON),
    Column("machine_detection", Boolean),
    Column("state", String(16), index=True),
    Column("tried_at", Instant),
    Column("call_sid", String(64), index=True),
    Column("answered_by", String(32)),
    Column("last_error", String(128)),
    Column("callback_id", String(64)),
)
"""`state`: waiting, created, answered, done, failed, unknown (whether Twilio made the call cannot be told)."""

recordings = Table(
    "recordings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("file", Text),
    Column("home", String(64)),
    Column("began_at", Instant),
    Column("duration_s", Float),
    Column("bytes", BigInteger),
    Column("delete_after", Instant, index=True),
    Column("deleted_at", Instant),
)
"""`file` is relative to the `var/` whose id is `home`, which alone deletes it."""

conversations = Table(
    "conversations",
    metadata,
    Column("conversation_id", String(128), primary_key=True),
    Column("call_sid", String(64), index=True),
    Column("agent_id", String(128)),
    Column("status", String(32)),
    Column("duration_s", Float),
    Column("cost", Float),
    Column("summary", Text),
    Column("file", Text),
    Column("home", String(64)),
    Column("audio", Text),
    Column("audio_home", String(64)),
    Column("told_at", Instant),
    Column("caller", String(64)),
    Column("erased_at", Instant),
)
"""A conversation with the agent, and what the vendor told of it after its end.

`file` is relative to the `var/` of `home`, `audio` to that of `audio_home`: the vendor may tell two servers.
`caller` is there for calls that the vendor answered itself, which have no row in `calls`.
"""

erasures = Table(
    "erasures",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("erased_at", Instant, nullable=False, index=True),
)
"""Whose lines were told before `erased_at` and not taken in yet are not entered; `id` is a hash of the number."""

owed_files = Table(
    "owed_files",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("home", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
)
"""Files of erased people that the server of `home` has still to delete, relative to its `var/`; see owed_files.py."""

journals = Table(
    "journals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
)
"""How far each journal has been taken in: written with the rows themselves, so no line counts twice."""


def key_of(table: Table) -> str:
    """The name of a table's one key."""
    (column,) = table.primary_key.columns
    return str(column.name)
