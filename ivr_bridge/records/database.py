"""The SQL database: SQLite in `var/` unless `DATABASE_URL` names a PostgreSQL. Its tables are made and kept by Alembic.

The journal's lines become rows here, each once: how far a journal has been taken in stands in the same transaction.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, String, Table, delete, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ivr_bridge.errors import BridgeError, ConfigError, MissingExtraError
from ivr_bridge.records.erasures import without_erased
from ivr_bridge.records.segments import FIRST, Place
from ivr_bridge.records.tables import journals, key_of, metadata

CONNECT_TIMEOUT_S = 5
TRANSACTION_S = 30
UPGRADE_S = 300
_DRIVERS = {"postgresql": "asyncpg", "postgres": "asyncpg", "sqlite": "aiosqlite"}
_MIGRATIONS = Path(__file__).parent / "migrations"
_TAKING = 0x69767273  # any number that other programs on the same database do not use
_ALEMBIC = Lock()
_REFUSALS = (DataError, IntegrityError, ValueError, TypeError, ArithmeticError)


class DatabaseFailed(BridgeError):
    """The database cannot be reached, or does not do what it was asked."""

    code = "database_failed"
    fault = "theirs"
    retryable = True


class RecordRefused(BridgeError):
    """The database answers, and does not take a line: it never will."""

    code = "record_refused"


def database_url(given: str | None, var_dir: Path) -> str:
    """The URL with the driver that we use; without one an SQLite file in `var/`.

    Raises:
        ConfigError: no database that we know; names no password.
        MissingExtraError: PostgreSQL's driver is not installed.
    """
    if given is None:
        return f"sqlite+aiosqlite:///{var_dir / 'records.sqlite3'}"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:  # such as a port that is no number
        raise ConfigError("DATABASE_URL: is no URL; such as postgresql://user:password@host/name") from error
    kind = url.get_backend_name() if "+" not in url.drivername else url.drivername.partition("+")[0]
    if kind not in _DRIVERS:
        raise ConfigError(f"DATABASE_URL: {kind} is not known; use postgresql:// or sqlite:///")
    if kind == "sqlite" and not url.database:
        raise ConfigError("DATABASE_URL: which file? Such as sqlite:////srv/records.sqlite3")
    if kind != "sqlite":
        try:
            import asyncpg  # type: ignore[import-untyped] # noqa: F401, PLC0415
        except ImportError as error:
            raise MissingExtraError("postgres", "DATABASE_URL with PostgreSQL") from error
        kind = "postgresql"
    wanted = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}  # as asyncpg says it
    return url.set(drivername=f"{kind}+{_DRIVERS[kind]}", query=wanted).render_as_string(hide_password=False)


class Database:
    """One pool of connections; `upgrade` once, then take lines in and read.

    Args:
        url: of `database_url`; it may hold a password and is never shown.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _engine(url)
        self._writes = self._engine.execution_options(writes=True)

    def __str__(self) -> str:
        """Where it is, without a password."""
        return make_url(self._url).render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """SQLite's; None when it is none, or in memory."""
        name = make_url(self._url).database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    async def upgrade(self) -> None:
        """Make the tables, or bring them to today's shape; several processes may do it at once.

        Raises:
            DatabaseFailed: it cannot be reached, or is newer than this program.
        """
        try:
            if self.file is not None:
                await asyncio.to_thread(_make_private, self.file)
            async with asyncio.timeout(UPGRADE_S), _upgrading(), self._writes.begin() as connection:
                await connection.run_sync(_upgrade)
        except (SQLAlchemyError, CommandError, OSError, TimeoutError) as error:
            raise DatabaseFailed(f"{self}: {_said(error)}") from error

    async def taken(self, journal_id: str) -> Place:
        """How far a journal has been taken in.

        Raises:
            DatabaseFailed: it does not answer.
        """
        wanted = select(journals.c.segment, journals.c.line).where(journals.c.id == journal_id)
        rows = await self.rows(wanted)
        return Place(rows[0]["segment"], rows[0]["line"]) if rows else FIRST

    async def take(self, journal_id: str, lines: Iterable[Mapping[str, Any]], behind: Place) -> list[str]:
        """Enter lines, in order, and how far we are: all of it or nothing.

        A line is `{"table", "at", "put": {...}}`, which makes a row or changes the columns that it names (with `once`
        it only makes one), or `{"table", "at", "where": {...}, "set": {...}}`, or `{"table", "where": {...},
        "delete": true}`. What this program does not know (a line of a newer one) is left out; so is what was erased,
        see erasures.py.

        Returns:
            Files, relative to `var/`, that erased people's lines spoke of: they may go.

        Raises:
            DatabaseFailed: nothing was entered; try again later.
            RecordRefused: nothing was entered, since one of the lines cannot be.
        """
        async with self.writing() as connection:
            sifted = await without_erased(connection, lines)
            for line in sifted.lines:
                await self._enter(connection, line)
            place = {"id": journal_id, "segment": behind.segment, "line": behind.line}
            await self._put(connection, journals, place)
        return sifted.files

    async def claim(self, table: Table, where: Mapping[str, Any], **values: Any) -> bool:
        """New values for the rows that fit, at once; False when none did: of several that claim a row one gets it.

        Raises:
            DatabaseFailed: it does not answer; whether it was done is not known.
        """
        claimed = table.update().where(*_chosen(table, where)).values(**values)
        async with self.writing() as connection:
            return bool((await connection.execute(claimed)).rowcount)

    async def forget_journal(self, journal_id: str) -> None:
        """A journal is taken in wholly, and is no more.

        Raises:
            DatabaseFailed: it does not answer.
        """
        async with self.writing() as connection:
            await connection.execute(delete(journals).where(journals.c.id == journal_id))

    @contextlib.asynccontextmanager
    async def writing(self, *, alone: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction; `alone`: no lines are taken in meanwhile, by nobody.

        Raises:
            DatabaseFailed: nothing was written; try again later.
            RecordRefused: nothing was written, and never will be.
        """
        try:
            async with asyncio.timeout(TRANSACTION_S), self._writes.begin() as connection:
                if not self.is_sqlite:
                    lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
                    await connection.execute(select(lock(_TAKING)))
                yield connection
        except _REFUSALS as error:
            raise RecordRefused(_kind(error)) from error
        except StatementError as error:
            if not isinstance(error, DBAPIError) or _is_of_values(error):
                raise RecordRefused(_kind(error)) from error
            raise DatabaseFailed(f"{self}: {_said(error)}") from error
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise DatabaseFailed(f"{self}: {_said(error)}") from error

    async def rows(self, statement: Any) -> list[dict[str, Any]]:
        """What a SELECT gives.

        Raises:
            DatabaseFailed: it does not answer.
        """
        try:
            async with asyncio.timeout(TRANSACTION_S), self._engine.connect() as connection:
                found = (await connection.execute(statement)).mappings()
                return [{str(name): value for name, value in row.items()} for row in found]
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise DatabaseFailed(f"{self}: {_said(error)}") from error

    async def tidy(self) -> None:
        """Leave nothing of deleted rows in SQLite's files.

        Raises:
            DatabaseFailed: it does not answer.
        """
        if self.is_sqlite:
            try:
                async with self._engine.connect() as connection:
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    await (await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()
            except (SQLAlchemyError, OSError, sqlite3.Error) as error:
                raise DatabaseFailed(f"{self}: {_said(error)}") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _enter(self, connection: AsyncConnection, line: Mapping[str, Any]) -> None:
        table = metadata.tables.get(str(line.get("table")))
        if table is None or table is journals:
            return
        if isinstance(put := line.get("put"), dict):
            await self._put(connection, table, _fitting(table, put), once=line.get("once") is True)
            return
        where = line.get("where")
        if not isinstance(where, dict) or not where or where.keys() - table.c.keys():
            return
        chosen = _chosen(table, where)
        if line.get("delete") is True:
            await connection.execute(delete(table).where(*chosen))
        elif isinstance(values := line.get("set"), dict) and _fitting(table, values):
            await connection.execute(table.update().where(*chosen).values(_fitting(table, values)))

    async def _put(
        self, connection: AsyncConnection, table: Table, values: dict[str, Any], *, once: bool = False
    ) -> None:
        key = key_of(table)
        if values.get(key) is None:
            return
        insert = (sqlite.insert if self.is_sqlite else postgresql.insert)(table).values(values)
        changed = {name: insert.excluded[name] for name in values if name != key}
        if changed and not once:
            insert = insert.on_conflict_do_update(index_elements=[key], set_=changed)
        else:
            insert = insert.on_conflict_do_nothing()
        await connection.execute(insert)


def _chosen(table: Table, where: Mapping[str, Any]) -> list[Any]:
    return [table.c[name].is_(None) if value is None else table.c[name] == value for name, value in where.items()]


def _fitting(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that we know; text without NUL, which PostgreSQL does not take, and cut to its column."""
    fitting = {}
    for name, value in values.items():
        if name not in table.c:
            continue
        column = table.c[name]
        if isinstance(value, str) and isinstance(column.type, String):
            value = value.replace("\0", "")  # noqa: PLW2901 - what follows is about the same value
            fitting[name] = value if column.primary_key else value[: column.type.length]
        else:
            fitting[name] = value
    return fitting


def _is_of_values(error: DBAPIError) -> bool:
    """Whether a value is to blame, by the classes of SQLSTATE, or by the driver that could not send it."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    unsent = isinstance(getattr(error.orig, "__cause__", None), ValueError) or "binding parameter" in str(error.orig)
    return state[:2] in ("22", "23") or unsent


def _make_private(file: Path) -> None:
    """SQLite makes its other files as open as this one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        limits = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": TRANSACTION_S}
        return create_async_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=5, connect_args=limits)
    engine = create_async_engine(url, connect_args={"timeout": CONNECT_TIMEOUT_S})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the library would begin no transaction for a CREATE TABLE
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA secure_delete=ON")  # what was erased is overwritten
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.asynccontextmanager
async def _upgrading() -> AsyncIterator[None]:
    """One upgrade at a time in this process, in whatever loop: Alembic keeps where it is in its module."""
    while not _ALEMBIC.acquire(blocking=False):  # noqa: ASYNC110 - an event belongs to one loop
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        _ALEMBIC.release()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _kind(error: Exception) -> str:
    """What it is, without a word of its message: that quotes values."""
    original = getattr(error, "orig", None) or error
    return f"{type(original.__cause__ or original).__name__} {getattr(original, 'sqlstate', None) or ''}".strip()


def _said(error: Exception) -> str:
    """Its kind and its first line: the rest of such a message holds values."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {str(original).partition(chr(10))[0][:200]}"
