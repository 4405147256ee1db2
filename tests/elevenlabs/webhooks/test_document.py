import json
from typing import Any

import pytest

from ivr_bridge.elevenlabs.webhooks.document import WebhookDocument, audio_name, read_document
from tests.elevenlabs.signed_webhook import recording, transcription, webhook


def document(body: bytes, audio_hash: bytes = b"") -> WebhookDocument:
    return read_document(body, audio_hash)


def test_what_a_transcription_tells():
    told = document(transcription())
    assert (told.type, told.conversation_id, told.agent_id) == ("post_call_transcription", "conv_1", "agent_1")
    assert (told.status, told.duration_s, told.cost) == ("done", 61, 296)


def test_what_a_call_that_failed_tells():
    told = document(webhook("call_initiation_failure", failure_reason="busy", metadata={"type": "twilio", "body": {}}))
    assert (told.type, told.status, told.duration_s, told.cost) == ("call_initiation_failure", "busy", None, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": None, "data": None},
        {"type": 7, "data": {"conversation_id": 7, "agent_id": [], "status": {}, "metadata": "x"}},
        {"data": {"metadata": {"call_duration_secs": "61", "cost": True}}},
        {"data": [], "more": 1},
    ],
)
def test_what_is_missing_or_odd_is_empty(body: Any):
    told = document(json.dumps(body).encode())
    assert (told.type, told.conversation_id, told.agent_id, told.status) == ("", "", "", "")
    assert (told.duration_s, told.cost) == (None, None)


def test_what_pythons_writers_write_is_read_too():
    told = document(
        rb'{"type": "x", "data": {"conversation_id": "conv_1", "text": "\ud83d", "metadata": {"cost": NaN}}}'
    )
    assert (told.name, told.cost) == ("conv_1.x.json", None)
    assert len(told.content_hash) == 64


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'"text"', b"7", b"null", b'{"a": }', b"\xff\xfe"])
def test_no_json_object_is_an_error(body: bytes):
    with pytest.raises(ValueError):
        document(body)


@pytest.mark.parametrize(
    ("body", "name", "audio"),
    [
        (transcription(), "conv_1.json", "conv_1.post_call_transcription.mp3"),
        (recording(b""), "conv_1.post_call_audio.json", "conv_1.mp3"),
        (
            webhook("call_initiation_failure"),
            "conv_1.call_initiation_failure.json",
            "conv_1.call_initiation_failure.mp3",
        ),
        (webhook("of_tomorrow"), "conv_1.of_tomorrow.json", "conv_1.of_tomorrow.mp3"),
    ],
)
def test_the_name_of_a_file(body: bytes, name: str, audio: str):
    assert document(body).name == name
    assert audio_name(name) == audio
    assert audio_name(document(body).changed_name).removesuffix(".mp3") == document(body).changed_name.removesuffix(
        ".json"
    )


HOSTILE = ["../../etc/passwd", "a/b", "..", ".", ".hidden", "a\\b", "con v", "conv_1.json", "x" * 101, "-rf", "é", "\n"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_id_and_no_type_leaves_the_folder(text: str):
    names = {
        document(transcription(conversation_id=text)).name,
        document(webhook(text)).name,
        document(transcription(conversation_id=text)).changed_name,
    }
    assert len(names) == 3
    for name in names:
        assert "/" not in name
        assert "\\" not in name
        assert not name.startswith((".", "-"))
        assert name.isascii()
        assert len(name) <= 200


def test_other_ids_have_other_names():
    assert len({document(transcription(conversation_id=text)).name for text in HOSTILE}) == len(HOSTILE)
    without = [webhook(conversation_id=None, n=n) for n in (1, 2)]
    assert len({document(body).name for body in without}) == 2


def test_the_same_told_again_is_known():
    body = json.loads(transcription())
    later = {"data": body["data"], "type": body["type"], "event_timestamp": 99}
    same = {
        document(json.dumps(each, indent=indent).encode()).content_hash
        for each in (body, later)
        for indent in (None, 2)
    }
    assert len(same) == 1
    others = [document(transcription(status="failed")), document(transcription(), b"audio"), document(webhook())]
    assert len({*same, *(each.content_hash for each in others)}) == 4
