import email
import hashlib
import hmac
from datetime import UTC, datetime
from email.message import Message

import orjson

from ivr_bridge.bridge.voicemail_form import Delivery, delivery, signature

ROW = {
    "id": "VM1", "call_sid": "CA1", "caller": "+15550100001", "called": "+15550100002", "duration_s": 3.5,
    "recorded_at": datetime(2026, 1, 5, 12, tzinfo=UTC), "recording_url": None, "heard_at": None,
}  # fmt: skip


def parts(form: Delivery) -> list[Message]:
    """As any library of the receiver's reads it."""
    read = email.message_from_bytes(b"Content-Type: " + form.content_type.encode() + b"\r\n\r\n" + form.body)
    payload = read.get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


def test_both_parts_can_be_read() -> None:
    sound = bytes(range(256)) * 20 + b"\r\n--message-\r\n"
    message, audio = parts(delivery(ROW, sound))
    assert orjson.loads(message.get_payload(decode=True)) == {  # type: ignore[arg-type]
        "id": "VM1", "call_sid": "CA1", "caller": "+15550100001", "called": "+15550100002", "duration_s": 3.5,
        "recorded_at": "2026-01-05T12:00:00+00:00", "recording_url": None,
    }  # fmt: skip
    assert (audio.get_content_type(), audio.get_filename()) == ("audio/wav", "VM1.wav")
    assert audio.get_payload(decode=True) == sound


def test_without_sound_there_is_one_part() -> None:
    [message] = parts(delivery(ROW, None))
    assert message.get_content_type() == "application/json"


def test_the_signature_is_of_the_time_and_the_whole_body() -> None:
    form = delivery(ROW, b"sound")
    at, made = signature("secret", 1_700_000_000, form.body).split(",")
    assert at == "t=1700000000"
    right = hmac.new(b"secret", b"1700000000." + form.body, hashlib.sha256).hexdigest()
    assert made == f"v1={right}"
    assert "+1555" not in repr(form)
