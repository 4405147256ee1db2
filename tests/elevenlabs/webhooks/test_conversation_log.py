from pathlib import Path

from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.webhooks.conversation_files import ToldConversation
from ivr_bridge.elevenlabs.webhooks.conversation_log import ConversationLog
from ivr_bridge.elevenlabs.webhooks.document import read_document
from ivr_bridge.telemetry.log import Log
from tests.elevenlabs.signed_webhook import transcription


async def test_it_tells_all_but_what_was_said():
    told = read_document(transcription(), b"")
    with capture_logs() as captured:
        await ConversationLog(Log()).take(ToldConversation(told, Path("var/conv_1.json"), Path("var/conv_1.mp3")))
    assert captured == [
        {
            "event": "conversation.recorded",
            "log_level": "info",
            "type": "post_call_transcription",
            "conversation_id": "conv_1",
            "agent_id": "agent_1",
            "status": "done",
            "duration_s": 61,
            "cost": 296,
            "file": "conv_1.json",
            "audio": "conv_1.mp3",
        }
    ]


async def test_no_audio_is_none():
    told = read_document(b"{}", b"")
    with capture_logs() as captured:
        await ConversationLog(Log()).take(ToldConversation(told, Path("none.json"), None))
    assert (captured[0]["audio"], captured[0]["cost"]) == (None, None)
