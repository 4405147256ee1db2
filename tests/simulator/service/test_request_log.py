from ivr_bridge.simulator.service.request_log import RequestLog, RestCall


def test_audio_stands_once_in_a_row():
    log = RequestLog()
    conversation = log.begin("conv_1", "agent_1")
    for kind in ("a", "user_audio_chunk", "user_audio_chunk", "pong", "user_audio_chunk"):
        conversation.note(kind)
    assert conversation.received == ["a", "user_audio_chunk", "pong", "user_audio_chunk"]


def test_values_of_a_query_are_not_kept():
    log = RequestLog()
    log.note("GET", "/x", ["b", "a"])
    assert log.as_json()["requests"] == [{"method": "GET", "path": "/x", "query": ["a", "b"]}]


def test_it_does_not_grow_without_end():
    log = RequestLog()
    for number in range(1500):
        log.note("GET", "/x", [])
        log.begin(f"conv_{number}", "a").note("pong")
    for _ in range(1500):
        log.conversations[0].note_context("menu", "x")
    shown = log.as_json()
    assert len(shown["requests"]) == len(shown["conversations"]) == 1000
    assert len(shown["conversations"][0]["context"]) == 1000


def test_calls_are_counted_and_not_shown():
    log = RequestLog()
    for _ in range(3):
        log.note_call(RestCall("GET", "/v1/x/7", "GET /v1/x/{id}", key="secret"))
    log.note_webhook("post_call_transcription", "conv_1", None)
    assert log.counts == {"GET /v1/x/{id}": 3}
    assert len(log.calls) == 3
    assert "secret" not in repr(log.calls)
    shown = log.as_json()
    assert set(shown) == {"requests", "conversations", "webhooks"}
    assert shown["webhooks"] == [{"type": "post_call_transcription", "conversation_id": "conv_1", "status": None}]
