import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.events import (
    AGENT_SAID,
    CALL_ANSWERED,
    CALL_ENDED,
    CALL_FAULTED,
    CALL_REFUSED,
    SERVER_STARTED,
    SERVER_STOPPED,
    STORE_DEGRADED,
)
from ivr_bridge.telemetry.log import Log, configure_logging
from tests.support.virtual_time import run_virtual


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class Lines(io.StringIO):
    """A log's stream; `read_all` gives its events."""

    def read_all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().removesuffix("\n").split("\n")]


def logging_to(**options: Any) -> Lines:
    stream = Lines()
    configure_logging(stream=stream, **{"pretty": False, **options})
    return stream


def test_one_json_object_a_line():
    stream = logging_to()
    log = Log()
    log.emit(SERVER_STARTED, url="http://127.0.0.1:8080", version="1", public_base_url=None, var="var")
    log.bind(call_sid="CA1").bind(stream_sid="MZ1").emit(STORE_DEGRADED, store="redis", error="a\nb \u2028 你好")
    first, second = stream.read_all()
    at = datetime.fromisoformat(first.pop("timestamp"))
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert first == {
        "event": "server.started", "level": "info", "url": "http://127.0.0.1:8080", "version": "1", "var": "var",
        "public_base_url": None,
    }  # fmt: skip
    assert (second["level"], second["call_sid"], second["stream_sid"]) == ("error", "CA1", "MZ1")
    assert second["error"] == "a\nb \u2028 你好"
    assert stream.getvalue().count("\n") == 2


def test_a_bound_log_leaves_the_other_as_it_was():
    stream = logging_to()
    log = Log()
    log.bind(call_sid="CA1")
    log.emit(SERVER_STOPPED, calls=1)
    assert "call_sid" not in stream.read_all()[0]


def test_personal_fields_are_masked_by_default():
    stream = logging_to()
    log = Log().bind(call_sid="CA1")
    log.emit(CALL_ANSWERED, ms=1.0, pii={"caller": "+15551234567", "called": "+15557654321"})
    log.emit(AGENT_SAID, event_id=1, pii={"text": "Good morning, Ann"})
    answered, said = stream.read_all()
    assert (answered["pii.caller"], answered["pii.called"]) == ("+...67", "+...21")
    assert said["pii.text"] == "[17 chars]"
    assert "Ann" not in stream.getvalue()
    assert "555" not in stream.getvalue()


def test_the_operator_may_see_them():
    stream = logging_to(show_pii=True)
    Log().emit(AGENT_SAID, event_id=1, pii={"text": "Good morning, Ann"})
    assert stream.read_all()[0]["pii.text"] == "Good morning, Ann"


def test_pretty_lines_are_masked_too():
    stream = logging_to(pretty=True)
    Log().emit(AGENT_SAID, event_id=1, pii={"text": "Good morning, Ann"})
    assert "agent.said" in stream.getvalue()
    assert "Ann" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue(), "colours only on a terminal"


def test_the_feed_gets_clear_text_from_a_masked_log():
    async def play() -> list[tuple[str, dict[str, Any]]]:
        feeds = CallFeeds()
        log = Log(feeds).bind(call_sid="CA1")
        log.emit(AGENT_SAID, event_id=1, pii={"text": "Good morning, Ann"})
        log.emit(CALL_ENDED, result="completed", duration_s=1.26)
        Log(feeds).emit(SERVER_STOPPED, calls=1)
        return [(event.name, event.fields) async for event in feeds.follow("CA1")]

    stream = logging_to(level="error")
    assert run_virtual(play()) == [
        ("agent.said", {"call_sid": "CA1", "event_id": 1, "pii.text": "Good morning, Ann"}),
        ("call.ended", {"call_sid": "CA1", "result": "completed", "duration_s": 1.3}),
    ]
    assert stream.getvalue() == "", "the level is the log's, not the feed's"


@pytest.mark.parametrize("event", [CALL_ANSWERED, CALL_REFUSED])
def test_a_call_taken_anew_has_a_feed_of_its_own(event: Any):
    async def play() -> list[str]:
        feeds = CallFeeds()
        log = Log(feeds).bind(call_sid="CA1")
        log.emit(CALL_ENDED, result="failed")
        log.emit(AGENT_SAID, event_id=1, pii={"text": "late"})
        log.emit(event)
        log.emit(CALL_ENDED, result="completed")
        return [item.name async for item in feeds.follow("CA1")]

    logging_to()
    assert run_virtual(play()) == [event.name, "call.ended"]


@pytest.mark.parametrize(
    ("fields", "pii", "named"),
    [
        ({"colour": 1}, None, "colour"),
        ({}, {"caller": "x"}, "caller"),
        ({"text": "in clear"}, None, "text"),
        ({"event_id": 1, "b": 1, "a": 1}, {"text": "x", "c": 1}, "a, b, c"),
    ],
)
def test_a_field_that_the_catalogue_does_not_know(fields: dict[str, Any], pii: dict[str, Any] | None, named: str):
    stream = logging_to()
    feeds = CallFeeds()
    with pytest.raises(LocalProtocolError, match=f"^agent.said has no field {named}$"):
        Log(feeds).bind(call_sid="CA1").emit(AGENT_SAID, pii=pii, **fields)
    assert stream.getvalue() == ""
    assert run_virtual(feeds.known("CA1", wait_s=0)) is False


def test_numbers_are_rounded_for_people():
    stream = logging_to()
    Log().emit(CALL_ENDED, duration_s=12.3456, first_word_ms=None, turns=3, frames_in=10**30)
    line = stream.read_all()[0]
    assert (line["duration_s"], line["first_word_ms"], line["turns"], line["frames_in"]) == (12.3, None, 3, 10**30)


def test_whatever_a_value_is_the_line_is_written():
    stream = logging_to()
    Log().emit(CALL_FAULTED, error="half a pair \ud800", traceback=ValueError("x"))
    Log().emit(CALL_FAULTED, error={1: b"\xff"}, traceback=float("nan"))
    pair, other = stream.read_all()
    assert (pair["error"], pair["traceback"]) == ("half a pair \ud800", "x")
    assert other["error"] == {"1": "b'\\xff'"}


@pytest.mark.parametrize(("level", "seen"), [("debug", 3), ("info", 3), ("warning", 1), ("error", 1)], ids=str)
def test_the_level_is_the_least_that_is_written(level: str, seen: int):
    stream = logging_to(level=level)
    for event in (SERVER_STOPPED, AGENT_SAID, STORE_DEGRADED):
        Log().emit(event)
    assert len(stream.read_all()) == seen


def test_a_log_that_nobody_reads_any_more_ends_no_call():
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    configure_logging(stream=Gone(), pretty=False)
    feeds = CallFeeds()
    Log(feeds).bind(call_sid="CA1").emit(AGENT_SAID, event_id=1)
    assert run_virtual(feeds.known("CA1", wait_s=0)) is True


def test_no_locale_makes_a_line_fail():
    raw = io.BytesIO()
    configure_logging(stream=io.TextIOWrapper(raw, encoding="ascii"), pretty=False)
    Log().emit(STORE_DEGRADED, store="redis", error="你好")
    assert json.loads(raw.getvalue())["error"] == "你好"


def test_stdout_is_where_it_goes(capsys: pytest.CaptureFixture[str]):
    configure_logging(pretty=False)
    Log().emit(SERVER_STOPPED, calls=1)
    out, err = capsys.readouterr()
    assert re.search(r'"event":"server.stopped"', out)
    assert err == ""


def test_whoever_listens_is_told_of_everything_in_clear_whatever_the_level():
    class Listener:
        def __init__(self) -> None:
            self.told: list[tuple[str, dict[str, Any]]] = []

        def heard(self, event: Any, fields: Any) -> None:
            self.told.append((event.name, dict(fields)))

    stream = logging_to(level="error")
    first, later = Listener(), Listener()
    log = Log(first)
    call = log.bind(call_sid="CA1")
    call.emit(AGENT_SAID, event_id=1, pii={"text": "Good morning, Ann"})
    log.tell(later)
    call.emit(AGENT_SAID, event_id=2, pii={"text": "Bye"})
    log.emit(SERVER_STOPPED, calls=1)
    said = ("agent.said", {"call_sid": "CA1", "event_id": 1, "pii.text": "Good morning, Ann"})
    bye = ("agent.said", {"call_sid": "CA1", "event_id": 2, "pii.text": "Bye"})
    assert first.told == [said, bye, ("server.stopped", {"calls": 1})]
    assert later.told == first.told[1:], "also of what was bound before it came"
    assert stream.getvalue() == ""
