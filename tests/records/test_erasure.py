"""Who is erased is gone from every table, and stays so when lines about them come late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ivr_bridge.records.database import Database, DatabaseFailed
from ivr_bridge.records.erasure import erase
from ivr_bridge.records.segments import Place
from ivr_bridge.records.tables import metadata, owed_files

CALLER, OTHER, HOUSE, STAFF = "+15550100001", "+15550100077", "+15550100002", "+15550100003"
NOW = datetime.now(UTC)


def put(table: str, *, at: datetime = NOW, **values: Any) -> dict[str, Any]:
    return {"table": table, "at": at.isoformat(), "put": values}


def life(n: int, number: str, *, at: datetime = NOW, outbound: bool = False) -> list[dict[str, Any]]:
    """One line for each table, of one person."""
    sid = f"CA{n}"
    ends = {"caller": HOUSE, "called": number} if outbound else {"caller": number, "called": HOUSE}
    lines = [
        put("calls", call_sid=sid, direction="outbound-api" if outbound else "inbound", **ends, duration_s=3),
        put("turns", id=f"{sid}:1", call_sid=sid, position=1, text=f"my name is Ann {n}"),
        put("tool_calls", id=f"{sid}:t", call_sid=sid, tool="book"),
        put("rungs", id=f"{sid}:r", call_sid=sid, rung="retry"),
        put("transfers", id=f"{sid}:x", call_sid=sid, to_number=STAFF),
        put("voicemails", id=f"RE{n}", call_sid=sid, caller=number, file=f"voicemails/{sid}.wav"),
        put("callbacks", id=f"CB{n}", call_sid=sid, number=number, state="waiting"),
        put("dials", id=f"D{n}", call_sid=f"{sid}d", to_number=number, state="waiting"),
        put("recordings", id=f"REC{n}", call_sid=sid, file=f"recordings/{sid}.wav"),
        put(
            "conversations",
            conversation_id=f"conv_{n}",
            call_sid=sid,
            summary=f"Ann {n} wants a table",
            file=f"conversations/conv_{n}.json",
        ),
    ]
    return [{**line, "at": at.isoformat()} for line in lines]


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    names = set(metadata.tables) - {"journals", "erasures", "owed_files"}
    return {name: await database.rows(select(metadata.tables[name])) for name in names}


def of(found: dict[str, list[dict[str, Any]]], n: int) -> dict[str, int]:
    """How many rows of a life there are."""
    return {name: sum(f"{n}" in str(row)[:60] for row in rows) for name, rows in found.items() if rows}


@pytest.mark.parametrize("outbound", [False, True])
async def test_what_names_them_goes_and_the_numbers_stay(database: Database, outbound: bool) -> None:
    await database.take("j", [*life(4, CALLER, outbound=outbound), *life(5, OTHER)], Place(1, 20))
    before = await everything(database)
    erased = await erase(database, CALLER)
    after = await everything(database)
    for name, rows in after.items():
        theirs = [row for row in before[name] if "5" in str(next(iter(row.values())))]
        assert [row for row in rows if "5" in str(next(iter(row.values())))] == theirs, "somebody else's"
    text = str({name: [row for row in rows if row not in before[name]] for name, rows in after.items()})
    assert CALLER not in text
    assert "Ann 4" not in text
    assert {name for name, rows in after.items() if len(rows) == 2} == {
        "calls",
        "rungs",
        "tool_calls",
        "transfers",
        "conversations",
    }
    [call] = [row for row in after["calls"] if row["call_sid"] == "CA4"]
    assert call["duration_s"] == 3
    assert call["erased_at"] is not None
    assert call["caller" if outbound else "called"] == HOUSE
    assert erased.conversation_ids == ["conv_4"]
    assert erased.files == ["voicemails/CA4.wav", "recordings/CA4.wav", "conversations/conv_4.json"]
    assert erased.call_sids == ["CA4", "CA4d"]
    assert erased.rows["turns"] == 1
    assert erased.rows["callbacks"] == 1


async def test_lines_that_were_told_before_and_come_late_bring_nothing_back(database: Database) -> None:
    """Of a call that was known, of one that was not, and of the vendor."""
    await database.take("j", life(4, CALLER)[:1], Place(1, 1))
    await erase(database, CALLER)
    late = datetime.now(UTC)
    files = await database.take(
        "other", [*life(4, CALLER, at=NOW), *life(6, CALLER, at=NOW), *life(5, OTHER, at=NOW)], Place(1, 30)
    )
    files += await database.take(
        "other",
        [
            put("turns", at=late, id="CA6:9", call_sid="CA6", text="Ann 6 speaks on"),
            put("conversations", at=late, conversation_id="conv_6", summary="Ann 6", audio="conversations/conv_6.mp3"),
            {"table": "calls", "at": NOW.isoformat(), "where": {"call_sid": "CA4"}, "set": {"caller": CALLER}},
        ],
        Place(1, 33),
    )
    found = await everything(database)
    assert CALLER not in str(found)
    assert "Ann 4" not in str(found)
    assert "Ann 6" not in str(found)
    assert sorted(files) == [
        "conversations/conv_4.json",
        "conversations/conv_6.json",
        "conversations/conv_6.mp3",
        "recordings/CA4.wav",
        "recordings/CA6.wav",
        "voicemails/CA4.wav",
        "voicemails/CA6.wav",
    ]
    assert {row["call_sid"] for row in found["calls"] if row["erased_at"]} == {"CA4", "CA6"}
    assert [row["text"] for row in found["turns"]] == ["my name is Ann 5"]


async def test_a_call_after_it_is_like_any_other(database: Database) -> None:
    await erase(database, CALLER)
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert await database.take("j", life(7, CALLER, at=later), Place(1, 10)) == []
    found = await everything(database)
    assert found["calls"][0]["caller"] == CALLER
    assert found["callbacks"][0]["number"] == CALLER
    assert found["turns"][0]["text"] == "my name is Ann 7"


async def test_a_callers_number_of_staff_is_emptied_in_others_transfers(database: Database) -> None:
    await database.take("j", life(5, OTHER), Place(1, 10))
    erased = await erase(database, STAFF)
    assert erased.rows == {"transfers": 1}
    assert (await everything(database))["transfers"][0]["to_number"] is None
    assert len((await everything(database))["turns"]) == 1


async def test_the_houses_number_is_nobodys(database: Database) -> None:
    await database.take("j", life(5, OTHER), Place(1, 10))
    assert (await erase(database, HOUSE)).rows == {}
    assert (await everything(database))["calls"][0]["called"] == HOUSE


async def test_conversations_that_are_known_from_elsewhere(database: Database) -> None:
    lines = [
        put("conversations", conversation_id="conv_8", summary="Ann", file="conversations/conv_8.json"),
        put("conversations", conversation_id="conv_9", caller=CALLER, summary="Ann"),
    ]
    await database.take("j", lines, Place(1, 2))
    erased = await erase(database, CALLER, ["conv_8", "conv_unknown"])
    assert erased.conversation_ids == ["conv_8", "conv_9"]
    assert erased.files == ["conversations/conv_8.json"]
    assert "Ann" not in str(await everything(database))


async def test_files_of_another_home_are_owed_by_it(database: Database) -> None:
    """Twice is once; what has no home, or this one, is owed by nobody."""
    lines = [
        put("voicemails", id="RE1", caller=CALLER, file="voicemails/RE1.wav", home="there"),
        put("voicemails", id="RE2", caller=CALLER, file="voicemails/RE2.wav", home="here"),
        put("voicemails", id="RE3", caller=CALLER, recording_url="https://api.example/RE3"),
        put("voicemails", id="RE4", caller=OTHER, file="voicemails/RE4.wav", home="there"),
        put("conversations", conversation_id="conv_1", caller=CALLER, file="conversations/conv_1.json", home="here",
            audio="conversations/conv_1.mp3", audio_home="there"),
    ]  # fmt: skip
    for segment in (1, 2):
        await database.take("j", [{**line, "at": datetime.now(UTC).isoformat()} for line in lines], Place(segment, 9))
        erased = await erase(database, CALLER, home="here")
        assert erased.elsewhere == ["voicemails/RE1.wav", "conversations/conv_1.mp3"][: 3 - segment]
    owed = await database.rows(select(owed_files.c.home, owed_files.c.name).order_by(owed_files.c.name))
    assert [tuple(row.values()) for row in owed] == [
        ("there", "conversations/conv_1.mp3"),
        ("there", "voicemails/RE1.wav"),
    ]
    assert [row["id"] for row in (await everything(database))["voicemails"]] == ["RE4"]


async def test_without_a_database_nothing_is_erased() -> None:
    database = Database("postgresql+asyncpg://u:secret@127.0.0.1:9/n")
    with pytest.raises(DatabaseFailed):
        await erase(database, CALLER)
    await database.close()
