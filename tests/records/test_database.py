"""SQLite and a real PostgreSQL: the same tables, the same lines, the same answers."""

import asyncio
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from ivr_bridge.errors import ConfigError, MissingExtraError
from ivr_bridge.records import tables
from ivr_bridge.records.database import (
    _MIGRATIONS,
    Database,
    DatabaseFailed,
    RecordRefused,
    database_url,
)
from ivr_bridge.records.segments import FIRST, Place
from tests.support.postgres import PostgresServer

AT = datetime(2026, 3, 1, 8, 15, 30, 123456, tzinfo=UTC)


def put(table: str, **values: Any) -> dict[str, Any]:
    return {"table": table, "at": AT.isoformat(), "put": values}


async def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    """What is not empty."""
    found = await database.rows(select(table).order_by(*table.primary_key))
    return [{name: value for name, value in row.items() if value is not None} for row in found]


async def take(database: Database, *lines: dict[str, Any], line: int = 1) -> None:
    assert await database.take("j1", lines, Place(1, line)) == []


# Where it is


def test_the_url_and_its_driver(tmp_path: Path) -> None:
    assert database_url(None, Path("var")) == "sqlite+aiosqlite:///var/records.sqlite3"
    assert database_url("sqlite:////srv/x.db", tmp_path) == "sqlite+aiosqlite:////srv/x.db"
    for given in ("postgres", "postgresql", "postgresql+psycopg2"):
        assert database_url(f"{given}://u:p%40@h:5433/n", tmp_path) == "postgresql+asyncpg://u:p%40@h:5433/n"
    given = "postgresql://u@/n?host=/run/pg&sslmode=require"
    assert database_url(given, tmp_path) == "postgresql+asyncpg://u@/n?host=%2Frun%2Fpg&ssl=require"


@pytest.mark.parametrize(
    "given",
    ["mysql://u:secret@h/n", "secret", "oracle+x://u:secret@h/n", "://secret", "postgres://h:secret/n", "sqlite://"],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(given: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as told:
        database_url(given, tmp_path)
    assert "secret" not in str(told.value)


def test_postgresql_wants_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(MissingExtraError, match=r"\[postgres\]"):
        database_url("postgresql://h/n", tmp_path)
    assert database_url(None, tmp_path)


async def test_its_name_has_no_password() -> None:
    database = Database("postgresql+asyncpg://u:secret@127.0.0.1:9/n")
    assert str(database) == "postgresql+asyncpg://u:***@127.0.0.1:9/n"
    with pytest.raises(DatabaseFailed) as told:
        await database.taken("j1")
    assert "secret" not in str(told.value)
    with pytest.raises(DatabaseFailed):
        await database.upgrade()
    assert database.file is None
    await database.close()


async def test_sqlites_files_are_the_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database(database_url(None, tmp_path / "var"))
        await database.upgrade()
        await take(database, put("calls", call_sid="CA1"))
        files = list((tmp_path / "var").iterdir())
        assert {path.name for path in files} >= {"records.sqlite3", "records.sqlite3-wal"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
        await database.close()
    finally:
        os.umask(before)


# Its tables


async def test_migrations_make_what_tables_say(database: Database) -> None:
    def compare(connection: Any) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), tables.metadata)

    async with database._engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_a_table_that_no_migration_makes_is_found(database: Database) -> None:
    """The comparison above can fail."""

    def compare(connection: Any) -> list[Any]:
        connection.execute(text("DROP TABLE rungs"))
        return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    async with database._engine.connect() as connection:
        assert [step[0] for step in await connection.run_sync(compare)] == ["add_table", "add_index"]
        await connection.rollback()


async def test_downgrade_leaves_nothing(database: Database) -> None:
    def down(connection: Any) -> list[str]:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        names: list[str] = connection.dialect.get_table_names(connection)
        return names

    async with database._writes.begin() as connection:
        assert await connection.run_sync(down) == ["alembic_version"]
    await database.upgrade()
    await take(database, put("calls", call_sid="CA1"))


UPGRADE = """
import asyncio, sys
from ivr_bridge.records.database import Database

async def main():
    database = Database(sys.argv[1])
    await database.upgrade()
    await database.upgrade()
    await database.close()

asyncio.run(main())
"""


async def test_four_processes_upgrade_at_the_same_time(url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", UPGRADE, url, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    database = Database(url)
    await take(database, put("calls", call_sid="CA1"))
    await database.close()


async def test_a_database_of_a_newer_program_is_told(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseFailed, match="9999"):
        await database.upgrade()


# Its lines


async def test_put_makes_a_row_and_then_changes_what_it_names(database: Database) -> None:
    await take(database, put("calls", call_sid="CA1", caller="+15550100001", began_at=AT.isoformat()))
    await take(database, put("calls", call_sid="CA1", duration_s=12, account={"turns": 3, "gaps": None}))
    await take(database, put("calls", call_sid="CA1"), put("calls", call_sid="CA2"), put("calls", caller="nobody"))
    assert await rows(database, tables.calls) == [
        {
            "call_sid": "CA1",
            "caller": "+15550100001",
            "began_at": AT,
            "duration_s": 12.0,
            "account": {"turns": 3, "gaps": None},
        },
        {"call_sid": "CA2"},
    ]


async def test_a_row_that_shall_only_be_made(database: Database) -> None:
    await take(database, {**put("callbacks", id="1", state="waiting"), "once": True})
    await take(database, put("callbacks", id="1", state="done"))
    await take(database, {**put("callbacks", id="1", state="waiting"), "once": True})
    assert await rows(database, tables.callbacks) == [{"id": "1", "state": "done"}]


async def test_of_many_that_claim_a_row_one_gets_it(database: Database) -> None:
    await take(database, put("dials", id="1", state="waiting"), put("dials", id="2", state="waiting"))
    where = {"id": "1", "state": "waiting", "call_sid": None}
    got = await asyncio.gather(
        *(database.claim(tables.dials, where, state="unknown", call_sid=f"CA{n}", tried_at=AT) for n in range(5))
    )
    assert sorted(got) == [False] * 4 + [True]
    assert await rows(database, tables.dials) == [
        {"id": "1", "state": "unknown", "call_sid": f"CA{got.index(True)}", "tried_at": AT},
        {"id": "2", "state": "waiting"},
    ]


async def test_set_and_delete_concern_the_rows_that_fit(database: Database) -> None:
    where = {"call_sid": "CA1"}
    await take(
        database,
        *(put("turns", id=f"{sid}:{n}", call_sid=sid, position=n) for sid in ("CA1", "CA2") for n in (1, 2)),
        {"table": "turns", "where": where, "set": {"text": "hello"}},
        {"table": "turns", "where": {**where, "position": 2}, "delete": True},
    )
    assert await rows(database, tables.turns) == [
        {"id": "CA1:1", "call_sid": "CA1", "position": 1, "text": "hello"},
        {"id": "CA2:1", "call_sid": "CA2", "position": 1},
        {"id": "CA2:2", "call_sid": "CA2", "position": 2},
    ]


async def test_lines_of_a_newer_program_are_left_out(database: Database) -> None:
    await take(
        database,
        put("dreams", id="1"),
        put("journals", id="j1", segment=77, line=77),
        put("rungs", id="1", rung="retry", colour="red"),
        {"table": "rungs", "where": {"colour": "red"}, "delete": True},
        {"table": "rungs", "where": {}, "delete": True},
        {"table": "rungs", "where": {"id": "1"}, "set": {"colour": "blue"}},
        {"table": "rungs"},
        {},
        line=8,
    )
    assert await rows(database, tables.rungs) == [{"id": "1", "rung": "retry"}]
    assert await database.taken("j1") == Place(1, 8)


async def test_each_journal_has_its_place_written_with_the_rows(database: Database) -> None:
    assert await database.taken("j1") == FIRST
    await database.take("j1", [put("rungs", id="1")], Place(2, 5))
    await database.take("j2", [put("rungs", id="2")], Place(1, 1))
    with pytest.raises(RecordRefused):
        await database.take("j1", [put("rungs", id="3"), put("rungs", id="4", at="no instant")], Place(9, 9))
    assert await database.taken("j1") == Place(2, 5)
    assert await database.taken("j2") == Place(1, 1)
    assert [row["id"] for row in await rows(database, tables.rungs)] == ["1", "2"], "all of it or nothing"
    await database.forget_journal("j2")
    assert await database.taken("j2") == FIRST


@pytest.mark.parametrize(
    "given", ["2026-03-01T08:15:30.123456+00:00", "2026-03-01T08:15:30.123456Z", "2026-03-01T09:15:30.123456+01:00"]
)
async def test_instants_are_aware_and_utc(database: Database, given: str) -> None:
    await take(database, put("calls", call_sid="CA1", began_at=given))
    [row] = await rows(database, tables.calls)
    assert row["began_at"] == AT
    assert row["began_at"].utcoffset() == timedelta(0)
    later = AT.astimezone(timezone(timedelta(hours=5))) + timedelta(seconds=1)
    found = await database.rows(select(tables.calls.c.call_sid).where(tables.calls.c.began_at < later))
    assert found == [{"call_sid": "CA1"}]


@pytest.mark.parametrize(
    "values",
    [
        {"at": "2026-03-01T08:15:30"},
        {"at": "soon"},
        {"at": 12},
        {"ms": "fast"},
        {"ok": "perhaps"},
        {"tool": {"a": 1}},
    ],
    ids=str,
)
async def test_a_value_that_is_none_of_its_column_is_refused(database: Database, values: dict[str, Any]) -> None:
    if database.is_sqlite and values.keys() & {"ms"}:
        pytest.skip("SQLite takes any text for a number")
    with pytest.raises(RecordRefused):
        await database.take("j1", [put("tool_calls", id="1", **values)], Place(1, 1))
    await take(database, put("tool_calls", id="1"))


async def test_a_key_that_is_too_long_and_a_number_too_large(database: Database) -> None:
    if database.is_sqlite:
        await take(database, put("rungs", id="x" * 500))
    else:
        with pytest.raises(RecordRefused):
            await database.take("j1", [put("rungs", id="x" * 500)], Place(1, 1))
    with pytest.raises(RecordRefused):
        await database.take("j1", [put("recordings", id="1", bytes=2**70)], Place(1, 1))


async def test_text_is_made_to_fit(database: Database) -> None:
    said = "ni hao 你好 \U0001f600 \0 end"
    await take(database, put("turns", id="1", text=said, speaker="x" * 500))
    [row] = await rows(database, tables.turns)
    assert row == {"id": "1", "text": said.replace("\0", ""), "speaker": "x" * 16}


async def test_a_failure_in_the_middle_leaves_nothing_and_is_ours_to_repeat(database: Database) -> None:
    async def break_off() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(tables.rungs).values(id="1"))
            raise OSError(32, "Broken pipe")

    with pytest.raises(DatabaseFailed, match="Broken pipe"):
        await break_off()
    assert await rows(database, tables.rungs) == []
    with pytest.raises(DatabaseFailed):
        await database.rows(text("SELECT nothing FROM nowhere"))
    await take(database, put("rungs", id="1"))


async def test_an_erasure_waits_for_those_who_take_lines_in(database: Database) -> None:
    order = []

    async def erase() -> None:
        async with database.writing(alone=True):
            order.append("erased")

    async with asyncio.timeout(20):
        async with database.writing() as connection:
            await connection.execute(insert(tables.rungs).values(id="1"))
            erasing = asyncio.create_task(erase())
            await asyncio.sleep(0.1)
            order.append("taken in")
        await erasing
    assert order == ["taken in", "erased"]


async def test_it_is_there_again_after_postgresql_was_gone(postgres: PostgresServer) -> None:
    database = Database(database_url(postgres.url(), Path()))
    await database.upgrade()
    await take(database, put("rungs", id="1"))
    await postgres.stop()
    with pytest.raises(DatabaseFailed):
        await take(database, put("rungs", id="2"))
    with pytest.raises(DatabaseFailed):
        await database.taken("j1")
    await postgres.start()
    await take(database, put("rungs", id="3"))
    assert [row["id"] for row in await rows(database, tables.rungs)] == ["1", "3"]
    await database.close()


async def test_what_was_deleted_is_in_no_file_of_sqlites(tmp_path: Path) -> None:
    database = Database(database_url(None, tmp_path))
    await database.upgrade()
    await take(database, put("turns", id="1", text="a very private word"))
    await take(database, {"table": "turns", "where": {"id": "1"}, "delete": True})
    assert any(b"very private" in path.read_bytes() for path in tmp_path.iterdir()), "it is in the WAL"
    await database.tidy()
    assert not any(b"very private" in path.read_bytes() for path in tmp_path.iterdir())
    await database.close()
