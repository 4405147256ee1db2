"""Calls for people who ask, on both databases."""

from datetime import timedelta

from ivr_bridge.records.call_history import list_calls, one_call
from ivr_bridge.records.database import Database
from ivr_bridge.records.segments import Place
from tests.support.recorded_calls import ANN, ANNS, BENS, NOW, rows_of


async def filled(database: Database) -> None:
    rows = [*rows_of(ANNS, ANN, NOW, "Ann"), *rows_of(BENS, "+1", NOW - timedelta(days=3), "Ben")]
    lines = [{"table": table, "at": NOW.isoformat(), "put": _plain(values)} for table, values in rows]
    await database.take("j", lines, Place(1, len(lines)))


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


async def test_the_newest_first_and_how_much_was_said(database: Database) -> None:
    await filled(database)
    found = await list_calls(database)
    assert [(row["call_sid"], row["turns"], row["tools"]) for row in found] == [(ANNS, 2, 1), (BENS, 2, 1)]
    assert found[0]["began_at"] == NOW
    assert "account" not in found[0]
    assert [row["call_sid"] for row in await list_calls(database, since=NOW - timedelta(days=1))] == [ANNS]
    assert [row["call_sid"] for row in await list_calls(database, caller="+1")] == [BENS]
    assert [row["call_sid"] for row in await list_calls(database, most=1)] == [ANNS]
    assert await list_calls(database, caller="+2") == []


async def test_one_call_with_all_that_belongs_to_it(database: Database) -> None:
    await filled(database)
    call = await one_call(database, ANNS)
    assert call is not None
    assert call["account"] == {"turns": 2}
    assert [turn["text"] for turn in call["turns"]] == ["Hello", "This is Ann"]
    sections = ("tool_calls", "rungs", "transfers", "voicemails", "callbacks", "conversations")
    assert [len(call[name]) for name in sections] == [1] * 6
    assert call["recordings"] == call["dials"] == []
    assert "Ben" not in str(call)
    assert await one_call(database, "CA0") is None
