"""Where files name a person, and where they only speak of one."""

import json
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.records.caller_traces import conversations_naming, cut_lines, files_of

NUMBER = "+15550100001"


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"metadata": {"phone_call": {"external_number": NUMBER}}}, True),
        ({"conversation_initiation_client_data": {"dynamic_variables": {"caller": NUMBER}}}, True),
        ({"a": [[{"b": [NUMBER]}]]}, True),
        ({"user_id": NUMBER}, True),
        ({"transcript": [{"role": "user", "message": NUMBER}]}, False),
        ({"analysis": {"transcript_summary": NUMBER}}, False),
        ({"metadata": {"phone_call": {"external_number": NUMBER + "0"}}}, False),
        (None, False),
    ],
    ids=str,
)
def test_conversations(tmp_path: Path, data: Any, named: bool) -> None:
    write(tmp_path / "conversations" / "conv_1.json", {"data": data})
    write(tmp_path / "conversations" / "conv_2.json", "{half")
    assert conversations_naming(tmp_path, NUMBER) == (["conv_1"] if named else [])


def test_files(tmp_path: Path) -> None:
    for name in ("conv_1.json", "conv_1.mp3", "new/conv_1.json", "conv_2.json"):
        write(tmp_path / "conversations" / name, {})
    write(tmp_path / "conversations" / "unreadable-1.json", f"[{NUMBER}")
    write(tmp_path / "conversations" / "unreadable-2.json", "[")
    notes = {"VM1": {"caller": NUMBER}, "VM2": {"caller": "+1"}, "VM3": {"call_sid": "CA1"}}
    for name, note in notes.items():
        write(tmp_path / "voicemails" / f"{name}.json", note)
        write(tmp_path / "voicemails" / f"{name}.wav", "sound")
    write(tmp_path / "recordings" / "RC1.json", {"call_sid": "CA1"})
    assert sorted(files_of(tmp_path, NUMBER, ["CA1"], ["conv_1"])) == [
        "conversations/conv_1.json",
        "conversations/conv_1.mp3",
        "conversations/new/conv_1.json",
        "conversations/unreadable-1.json",
        "recordings/RC1.json",
        "voicemails/VM1.json",
        "voicemails/VM1.wav",
        "voicemails/VM3.json",
        "voicemails/VM3.wav",
    ]
    assert files_of(tmp_path / "nowhere", NUMBER, [], []) == []


def test_lines_of_files_that_have_many_peoples(tmp_path: Path) -> None:
    old, taken, refused = (
        tmp_path / "voicemails.jsonl",
        tmp_path / "voicemails.jsonl.taken.1",
        tmp_path / "journal" / "refused.jsonl",
    )
    others = json.dumps({"call_sid": "CA2", "caller": "+1"}) + "\n"
    write(old, others + json.dumps({"call_sid": "CA1", "caller": NUMBER}) + "\n" + f"{{half {NUMBER}")
    write(taken, json.dumps({"call_sid": "CA1", "caller": NUMBER}) + "\n")
    write(refused, json.dumps({"table": "turns", "put": {"id": 1, "call_sid": "CA1", "text": "Ann"}}) + "\n" + others)
    before = tmp_path.stat()
    assert cut_lines(tmp_path, NUMBER, ["CA1"]) == 4
    assert (old.read_text(), taken.read_text(), refused.read_text()) == (others, "", others)
    assert old.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", old.name, taken.name], before
    assert cut_lines(tmp_path, NUMBER, ["CA1"]) == 0
    assert cut_lines(tmp_path / "nowhere", NUMBER, []) == 0
