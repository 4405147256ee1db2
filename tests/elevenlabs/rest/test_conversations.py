"""Conversations of the account."""

from pathlib import Path

import pytest

from ivr_bridge.elevenlabs.rest.conversations import Conversations, SignedUrl
from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.errors import VendorFailed, VendorUnreachable
from tests.support.vendor_answers import VendorAnswers

URL = "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a&conversation_signature=c%2Fd"
SIGN = "GET /v1/convai/conversation/get-signed-url"


async def test_the_url_is_given_as_it_came():
    vendor = VendorAnswers({"signed_url": URL})
    assert await Conversations(vendor.transport).get_signed_url("a", timeout_s=1.5) == URL
    assert vendor.asked == [(SIGN, {"agent_id": "a"})]
    assert (vendor.requests[0].repeat, vendor.requests[0].timeout_s) == (Repeat.NEVER, 1.5), "a caller is waiting"


async def test_the_conversation_id_is_asked_for_only_when_wanted():
    vendor = VendorAnswers({"signed_url": URL})
    await Conversations(vendor.transport).get_signed_url("a", include_conversation_id=True)
    assert vendor.asked == [(SIGN, {"agent_id": "a", "include_conversation_id": True})]


@pytest.mark.parametrize("answer", [None, [], {}, {"signed_url": ""}, {"signed_url": 3}])
async def test_an_answer_without_a_url(answer: object):
    with pytest.raises(VendorFailed):
        await Conversations(VendorAnswers(answer).transport).get_signed_url("a")


async def test_the_signed_url_is_not_printed():
    assert "signature" not in repr(SignedUrl(signed_url=URL))


async def test_the_list_goes_on_with_its_filters():
    entry = {"conversation_id": "c1", "agent_id": "a", "status": "done", "call_duration_secs": 3}
    vendor = VendorAnswers(
        {"conversations": [entry], "next_cursor": "n", "has_more": True},
        {"conversations": [{**entry, "conversation_id": "c2"}], "has_more": False},
    )
    found = Conversations(vendor.transport).list(agent_id="a", tool_names=["x", "y"], has_feedback_comment=False)
    assert [conversation.conversation_id async for conversation in found] == ["c1", "c2"]
    query = {"page_size": 100, "agent_id": "a", "tool_names": ["x", "y"], "has_feedback_comment": False}
    assert vendor.asked == [
        ("GET /v1/convai/conversations", query),
        ("GET /v1/convai/conversations", {**query, "cursor": "n"}),
    ]


async def test_one_is_read_praised_and_deleted():
    vendor = VendorAnswers({"conversation_id": "c/1", "agent_id": "a", "status": "done"})
    conversations = Conversations(vendor.transport)
    assert (await conversations.get("c/1")).finished
    await conversations.give_feedback("c/1", "like")
    await conversations.give_feedback("c/1", None)
    await conversations.delete("c/1")
    assert [what for what, _ in vendor.asked] == [
        "GET /v1/convai/conversations/c%2F1",
        "POST /v1/convai/conversations/c%2F1/feedback",
        "POST /v1/convai/conversations/c%2F1/feedback",
        "DELETE /v1/convai/conversations/c%2F1",
    ]
    assert vendor.bodies == [None, {"feedback": "like"}, {"feedback": None}, None]


async def test_audio_comes_in_pieces_or_as_a_file(tmp_path: Path):
    vendor = VendorAnswers([b"ID3", b"more"])
    conversations = Conversations(vendor.transport)
    assert [piece async for piece in conversations.audio("c1")] == [b"ID3", b"more"]
    assert await conversations.save_audio("c1", tmp_path / "c1.mp3") == 7
    assert (tmp_path / "c1.mp3").read_bytes() == b"ID3more"
    assert [what for what, _ in vendor.asked] == ["GET /v1/convai/conversations/c1/audio"] * 2


async def test_half_a_file_is_none_and_the_old_one_stays(tmp_path: Path):
    (tmp_path / "c1.mp3").write_bytes(b"old")
    vendor = VendorAnswers([b"ID3", VendorUnreachable("cut")])
    with pytest.raises(VendorUnreachable):
        await Conversations(vendor.transport).save_audio("c1", tmp_path / "c1.mp3")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("c1.mp3", b"old")]
    with pytest.raises(FileNotFoundError):
        await Conversations(vendor.transport).save_audio("c1", tmp_path / "none" / "c1.mp3")
