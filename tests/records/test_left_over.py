"""Files of earlier versions become rows, once, and stay where they were."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.records.left_over import take_left_over, voicemail_id
from ivr_bridge.telemetry.log import Log
from tests.support.sounds import RowsRefused

LINE = {
    "recorded_at": "2026-03-01T08:15:30+00:00",
    "call_sid": "CA1",
    "caller": "+15550100001",
    "called": "+15550100002",
    "recording_sid": "RE1",
    "recording_url": "https://api.example/RE1",
    "duration_s": 12,
}


class Rows:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.promised = 0
        self.room = 10**6

    async def promise(self, table: str, **values: Any) -> None:
        if self.promised >= self.room:
            raise RowsRefused("no room")
        self.promised += 1
        key = values["conversation_id" if table == "conversations" else "id"]
        self.rows.setdefault((table, key), {}).update(values)


async def taken(var: Path, rows: Rows) -> list[Any]:
    with capture_logs() as logs:
        await take_left_over(var, rows, ConversationFiles(var / "conversations").read, Log())
    return logs


async def test_messages(tmp_path: Path) -> None:
    lines = [json.dumps(LINE), json.dumps({**LINE, "recording_sid": ""}), "{half", "[]", json.dumps({"caller": 5})]
    (tmp_path / "voicemails.jsonl").write_text("\n".join(lines) + "\n")
    rows = Rows()
    assert [(log["event"], log["voicemails"]) for log in await taken(tmp_path, rows)] == [("records.moved", 3)]
    assert rows.rows["voicemails", "RE1"] == {"id": "RE1", **LINE}
    assert ("voicemails", voicemail_id("CA1", "", LINE["recording_url"])) in rows.rows
    assert (tmp_path / "voicemails.jsonl.taken").read_text().splitlines() == lines, "nothing is deleted"
    assert await taken(tmp_path, rows) == []
    (tmp_path / "voicemails.jsonl").write_text(lines[0])
    await taken(tmp_path, rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["voicemails.jsonl.taken", "voicemails.jsonl.taken.1"]
    assert len(rows.rows) == 3, "no message is there twice"


async def test_conversations_once(tmp_path: Path) -> None:
    folder = tmp_path / "conversations"
    (folder / "new").mkdir(parents=True)
    body = {"type": "post_call_transcription", "data": {"conversation_id": "conv_1", "status": "done"}}
    (folder / "conv_1.json").write_text(json.dumps(body))
    (folder / "conv_1.changed-0.json").write_text(json.dumps(body))
    (folder / "conv_2.json").write_text("{half")
    (folder / "unreadable-0.json").write_text("[]")
    rows = Rows()
    [log] = await taken(tmp_path, rows)
    assert (log["event"], log["conversations"]) == ("records.moved", 1)
    assert rows.rows["conversations", "conv_1"]["file"] == "conversations/conv_1.json"
    assert await taken(tmp_path, rows) == []
    assert rows.promised == 1


async def test_nothing_to_take(tmp_path: Path) -> None:
    assert await taken(tmp_path, Rows()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 1])
async def test_what_fails_is_done_at_the_next_start(tmp_path: Path, room: int) -> None:
    (tmp_path / "voicemails.jsonl").write_text(json.dumps(LINE) + "\n")
    folder = tmp_path / "conversations"
    folder.mkdir()
    (folder / "conv_1.json").write_text(json.dumps({"data": {"conversation_id": "conv_1"}}))
    rows = Rows()
    rows.room = room
    assert [log["event"] for log in await taken(tmp_path, rows)] == ["records.unmoved"]
    rows.room = 100
    assert [log["event"] for log in await taken(tmp_path, rows)] == ["records.moved"]
    assert len(rows.rows) == 2
