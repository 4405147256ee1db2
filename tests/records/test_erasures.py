"""What is remembered of an erased number, and what a line without an instant may do. More in test_erasure.py."""

from typing import Any

from sqlalchemy import select

from ivr_bridge.records import tables
from ivr_bridge.records.database import Database
from ivr_bridge.records.erasure import erase
from ivr_bridge.records.erasures import hash_of, without_erased
from ivr_bridge.records.segments import Place

NUMBER = "+15550100001"


def test_the_number_itself_is_not_remembered() -> None:
    assert NUMBER not in hash_of(NUMBER)
    assert len(hash_of(NUMBER)) == 64
    assert hash_of(NUMBER) != hash_of("+15550100002")
    assert hash_of("\ud800")


async def test_without_an_erasure_lines_pass_as_they_are(database: Database) -> None:
    lines: list[dict[str, Any]] = [{"table": "calls", "put": {"call_sid": "CA1", "caller": NUMBER}}, {}, {"put": 3}]
    async with database.writing() as connection:
        sifted = await without_erased(connection, lines)
    assert sifted.lines == lines
    assert sifted.files == []


async def test_a_line_that_does_not_say_when_it_was_told_passes(database: Database) -> None:
    await erase(database, NUMBER)
    await erase(database, NUMBER)
    await database.take("j", [{"table": "calls", "put": {"call_sid": "CA1", "caller": NUMBER}}, {}], Place(1, 2))
    assert (await database.rows(select(tables.calls.c.caller))) == [{"caller": NUMBER}]
    [remembered] = await database.rows(select(tables.erasures))
    assert remembered["id"] == hash_of(NUMBER)
