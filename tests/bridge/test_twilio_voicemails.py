"""Each message once, and only when its row is on the disk."""

import asyncio

import pytest

from ivr_bridge.bridge import twilio_voicemails as module
from ivr_bridge.bridge.twilio_voicemails import TwilioVoicemails
from ivr_bridge.twilio.call_desk import Recording
from tests.support.front_desk import incoming, sid
from tests.support.sounds import Rows, RowsRefused


def recording(number: int = 1, url: str = "https://api.example/RE1") -> Recording:
    return Recording(f"RE{number}", url, 17)


async def test_what_stands_in_a_row() -> None:
    rows = Rows()
    assert await TwilioVoicemails(rows).keep(incoming(), recording())
    [row] = rows.of("voicemails")
    assert row.pop("recorded_at").endswith("+00:00")
    assert row == {
        "id": "RE1",
        "call_sid": sid(),
        "caller": "+15550100001",
        "called": "+15550100002",
        "recording_sid": "RE1",
        "recording_url": "https://api.example/RE1",
        "duration_s": 17,
    }
    assert rows.promised == 1


async def test_told_again_it_is_not_entered_again() -> None:
    rows = Rows()
    voicemails = TwilioVoicemails(rows)
    told = await asyncio.gather(*(voicemails.keep(incoming(), recording(number)) for number in (1, 1, 2, 1, 2)))
    assert told == [True, False, True, False, False]
    assert rows.promised == 2


async def test_without_a_sid_it_is_known_by_its_call_and_place() -> None:
    rows = Rows()
    voicemails = TwilioVoicemails(rows)
    assert await voicemails.keep(incoming(), Recording("", "https://api.example/a", None))
    assert not await voicemails.keep(incoming(), Recording("", "https://api.example/a", 3))
    assert await voicemails.keep(incoming(), Recording("", "https://api.example/b", None))
    assert all(row["id"].startswith(f"{sid()}:") and len(row["id"]) <= 64 for row in rows.of("voicemails"))


async def test_what_could_not_be_written_is_tried_again() -> None:
    rows = Rows(refusing=True)
    voicemails = TwilioVoicemails(rows)
    with pytest.raises(RowsRefused):
        await voicemails.keep(incoming(), recording())
    rows.refusing = False
    assert await voicemails.keep(incoming(), recording())


async def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIDS_REMEMBERED", 3)
    rows = Rows()
    voicemails = TwilioVoicemails(rows)
    for number in range(5):
        assert await voicemails.keep(incoming(), recording(number))
    assert await voicemails.keep(incoming(), recording(0)), "forgotten, and entered under the same key"
    assert len(rows.of("voicemails")) == 5
