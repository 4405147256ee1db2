import pytest

from ivr_bridge.twilio.stream_events import DtmfPressed, StreamClosed, StreamStarted


@pytest.mark.parametrize(("code", "clean"), [(1000, True), (1001, True), (1005, True), (1006, False), (1011, False)])
def test_a_clean_close(code, clean):
    assert StreamClosed(code).clean is clean


def test_token_of_a_start():
    started = StreamStarted("MZ1", "CA1", "AC1", "audio/x-mulaw", 8000, 1, {"token": "t-1", "lang": "es"})
    assert started.token == "t-1"
    assert "t-1" not in repr(started)
    assert StreamStarted("MZ1", "CA1", "AC1", "audio/x-mulaw", 8000, 1, {}).token == ""


def test_a_digit_is_not_printed():
    assert "7" not in repr(DtmfPressed("7"))
