"""What the vendor tells after a conversation stands beside its call, and is handed on."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.records.conversation_sink import ConversationSink
from tests.support.sounds import RowsRefused


class Rows:
    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.refusing = False

    async def promise(self, table: str, **values: Any) -> None:
        assert table == "conversations"
        if self.refusing:
            raise RowsRefused("no room")
        self.rows.setdefault(values["conversation_id"], {}).update(values)


@dataclass
class Afterwards:
    taken: list[Any]

    async def take(self, conversation: Any) -> None:
        self.taken.append(conversation.path.name)


async def told(var: Path, *bodies: dict[str, Any], refusing: bool = False) -> tuple[Rows, Afterwards]:
    """As the vendor's webhooks leave it on the disk."""
    files, rows, then = ConversationFiles(var / "conversations"), Rows(), Afterwards([])
    rows.refusing = refusing
    sink = ConversationSink(rows, var, then)
    await files.prepare()
    for body in bodies:
        part = var / "body"
        part.write_text(json.dumps(body))
        with part.open("rb") as file:
            kept = await files.keep(file)
        await sink.take(await files.read(kept.name))
        await sink.take(await files.read(kept.name))
    return rows, then


def transcription(**data: Any) -> dict[str, Any]:
    return {
        "type": "post_call_transcription",
        "event_timestamp": 1772352930,
        "data": {
            "agent_id": "agent_1",
            "conversation_id": "conv_1",
            "status": "done",
            "transcript": [{"role": "user", "message": "A table"}],
            "metadata": {"call_duration_secs": 22, "cost": 296},
            "analysis": {"transcript_summary": "Ann wants a table"},
            **data,
        },
    }


def recording() -> dict[str, Any]:
    data = {"agent_id": "agent_1", "conversation_id": "conv_1", "full_audio": "bXAz"}
    return {"type": "post_call_audio", "event_timestamp": 1772352931, "data": data}


async def test_a_conversation_and_its_recording(tmp_path: Path) -> None:
    rows, then = await told(tmp_path, transcription(), recording())
    assert rows.rows["conv_1"] == {
        "conversation_id": "conv_1",
        "agent_id": "agent_1",
        "status": "done",
        "duration_s": 22,
        "cost": 296,
        "summary": "Ann wants a table",
        "file": "conversations/conv_1.json",
        "audio": "conversations/conv_1.mp3",
        "told_at": datetime(2026, 3, 1, 8, 15, 31, tzinfo=UTC),
    }
    assert then.taken == ["conv_1.json"] * 2 + ["conv_1.post_call_audio.json"] * 2


async def test_of_the_vendors_own_number_it_is_known_who_called(tmp_path: Path) -> None:
    call = {"external_number": "+15550100001", "call_sid": "CA1", "agent_number": "+15550100002"}
    rows, _ = await told(tmp_path, transcription(metadata={"phone_call": call}))
    assert (rows.rows["conv_1"]["caller"], rows.rows["conv_1"]["call_sid"]) == ("+15550100001", "CA1")


@pytest.mark.parametrize(
    "data",
    [
        {"analysis": None, "metadata": []},
        {"analysis": {"transcript_summary": {"a": 1}}, "metadata": {"phone_call": "none"}},
        {"metadata": {"phone_call": {"external_number": 5, "call_sid": ""}}},
    ],
    ids=str,
)
async def test_what_is_otherwise_than_the_vendor_says_is_left_out(tmp_path: Path, data: dict[str, Any]) -> None:
    rows, then = await told(tmp_path, transcription(**data))
    assert rows.rows["conv_1"]["status"] == "done"
    assert "summary" not in rows.rows["conv_1"] or isinstance(rows.rows["conv_1"]["summary"], str)
    assert len(then.taken) == 2


async def test_without_an_id_it_is_handed_on_all_the_same(tmp_path: Path) -> None:
    body = transcription(conversation_id=None)
    body["event_timestamp"] = "yesterday"
    rows, then = await told(tmp_path, body)
    assert rows.rows == {}
    assert len(then.taken) == 2


async def test_what_cannot_be_entered_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(RowsRefused):
        await told(tmp_path, transcription(), refusing=True)
