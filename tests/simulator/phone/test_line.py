import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.phone.line import Line

LOCAL = Line("http://127.0.0.1:8080", None, "tok-first, tok-second")
PUBLIC = Line("http://127.0.0.1:8080", "https://bridge.example", "token")


def test_urls_are_known_by_the_public_address_and_dialled_at_the_server():
    assert PUBLIC.known_url("/twilio/voice") == "https://bridge.example/twilio/voice"
    assert PUBLIC.dialled_url("https://bridge.example/twilio/voice?a=b") == "http://127.0.0.1:8080/twilio/voice?a=b"
    assert PUBLIC.dialled_url("https://BRIDGE.example:443/x") == "http://127.0.0.1:8080/x"
    assert PUBLIC.dialled_url("wss://bridge.example/twilio/media/0") == "ws://127.0.0.1:8080/twilio/media/0"
    assert PUBLIC.dialled_url("https://elsewhere.example/x") is None
    assert PUBLIC.dialled_url("http://bridge.example:bad/x") is None


def test_without_a_public_address_what_is_dialled_is_what_is_known():
    assert LOCAL.known_url("/twilio/voice") == "http://127.0.0.1:8080/twilio/voice"
    assert LOCAL.dialled_url("ws://127.0.0.1:8080/s") == "ws://127.0.0.1:8080/s"
    assert LOCAL.dialled_url("ws://127.0.0.1:8081/s") is None


def test_relative_urls_are_resolved_against_the_document():
    base = "https://bridge.example/twilio/voice"
    assert PUBLIC.known_url("stream-ended", base=base) == "https://bridge.example/twilio/stream-ended"
    assert PUBLIC.known_url("/a", base=base) == "https://bridge.example/a"
    assert PUBLIC.known_url("https://x.example/b", base=base) == "https://x.example/b"


@pytest.mark.parametrize(
    ("line", "url", "code"),
    [
        (PUBLIC, "wss://bridge.example/s", ""),
        (PUBLIC, "ws://bridge.example/s", "31922"),
        (PUBLIC, "https://bridge.example/s", "31922"),
        (PUBLIC, "wss://127.0.0.1:8080/s", "31901"),
        (LOCAL, "ws://127.0.0.1:8080/s", ""),
        (LOCAL, "wss://127.0.0.1:8080/s", "31922"),
        (LOCAL, "ws://bridge.example/s", "31901"),
    ],
)
def test_a_stream_url_is_taken_or_refused_as_at_the_vendor(line, url, code):
    assert line.stream_url_problem(url)[:5] == code


def test_the_first_token_signs_and_no_token_is_shown():
    assert LOCAL.signing_token == "tok-first"
    assert "tok" not in repr(LOCAL)


@pytest.mark.parametrize(
    ("server", "public"), [("127.0.0.1:8080", None), ("http://h", "http://bridge.example"), ("http://", None)]
)
def test_an_address_that_cannot_work_is_refused(server, public):
    with pytest.raises(ConfigError):
        Line(server, public, "token")
