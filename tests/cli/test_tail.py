import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli import tail
from ivr_bridge.cli.main import main
from ivr_bridge.cli.tail import CALLS_REMEMBERED, LogView

SID = "CA0123456789abcdef0123456789abcdef"
OTHER = "CA" + "f" * 26 + "012345"
BEGIN = datetime(2025, 3, 1, 12, 0, 0, 250_000, UTC)


def line(
    event: str = "agent.said", *, after_s: float = 0.0, sid: str | None = SID, level: str = "info", **fields: Any
) -> str:
    at = (BEGIN + timedelta(seconds=after_s)).isoformat().replace("+00:00", "Z")
    ids = {} if sid is None else {"call_sid": sid}
    return json.dumps({**ids, **fields, "level": level, "timestamp": at, "event": event}) + "\n"


def shown(view: LogView, text: str) -> str:
    rendered = view.line(text)
    assert rendered is not None
    return rendered.plain


def test_one_line_an_event_with_time_call_age_name_and_fields():
    view = LogView()
    clock = BEGIN.astimezone().strftime("%H:%M:%S") + ".250"
    assert shown(view, line("call.answered", ms=3.2)) == f"{clock} ..abcdef    0.0s call.answered          ms=3.2"
    later = shown(view, line("agent.said", after_s=61.5, event_id=1, **{"pii.text": "[12 chars]"}))
    assert later.endswith(" ..abcdef   61.5s agent.said             event_id=1 pii.text=[12 chars]")
    assert "\n" not in later


def test_what_belongs_to_no_call_has_no_age():
    text = shown(LogView(), line("server.started", sid=None, url="http://x", public_base_url=None))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} {18}server\.started {9}url=http://x", text)


def test_each_call_has_an_age_of_its_own():
    view = LogView()
    shown(view, line(after_s=0))
    assert "..012345    0.0s" in shown(view, line(after_s=5, sid=OTHER))
    assert "..abcdef    6.0s" in shown(view, line(after_s=6))
    assert "..012345    2.5s" in shown(view, line(after_s=7.5, sid=OTHER))


def test_ages_are_remembered_of_a_bounded_number_of_calls():
    view = LogView()
    for number in range(CALLS_REMEMBERED + 10):
        shown(view, line(after_s=1, sid=f"CA{number:032}"))
    assert len(view._begun) == CALLS_REMEMBERED
    assert "    0.0s" in shown(view, line(after_s=9, sid=f"CA{0:032}")), "forgotten"
    assert "    8.0s" in shown(view, line(after_s=9, sid=f"CA{CALLS_REMEMBERED + 9:032}"))


def test_values_are_as_in_json():
    text = shown(LogView(), line("call.ended", whole=True, tools=["a", "b"], ms=1.0, text="a b", gone=None))
    assert text.endswith('whole=true tools=["a","b"] ms=1.0 text=a b')


def test_a_traceback_follows_on_lines_of_its_own():
    text = shown(LogView(), line("call.faulted", level="error", error="x", traceback="Traceback:\n  File \x1b[2J"))
    first, *rest = text.split("\n")
    assert first.endswith("error=x")
    assert rest == ["Traceback:", "  File \\x1b[2J"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "fatal", 7, None])
def test_levels_have_styles(level: Any):
    rendered = LogView().line(line("a.b", level=level))
    assert rendered is not None
    styles = [str(span.style) for span in rendered.spans if rendered.plain[span.start : span.end].startswith("a.b")]
    assert styles == ([tail.LEVEL_STYLES[level]] if level in tail.LEVEL_STYLES else [])


def test_lines_of_a_call_have_one_colour():
    view = LogView()

    def colour(sid: str) -> str:
        rendered = view.line(line(sid=sid))
        assert rendered is not None
        (span,) = [span for span in rendered.spans if ".." in rendered.plain[span.start : span.end]]
        return str(span.style)

    assert colour(SID) == colour(SID)
    assert len({colour(f"CA{number:032x}") for number in range(50)}) > 3


@pytest.mark.parametrize("call", [SID, "abcdef", "f"])
def test_only_one_call(call: str):
    view = LogView(call)
    assert view.line(line(sid=SID)) is not None
    assert view.line(line(sid=OTHER)) is None
    assert view.line(line(sid=None)) is None
    assert view.line("Traceback (most recent call last):\n") is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Traceback (most recent call last):\n", "Traceback (most recent call last):"),
        ('{"event": "half\n', '{"event": "half'),
        ('{"no": "event"}\n', '{"no": "event"}'),
        ("[1]\n", "[1]"),
        ("12\n", "12"),
        ("\ta\x1b[31mred\n", "        a\\x1b[31mred"),
    ],
)
def test_what_is_no_event_is_shown_as_it_stands(text: str, plain: str):
    assert shown(LogView(), text) == plain


def test_blank_lines_are_not_shown():
    assert LogView().line("\n") is None
    assert LogView().line("") is None


def test_words_of_others_do_not_rule_the_terminal():
    view = LogView()
    text = shown(
        view, line("a.b\x1b[2J", error="x\ny\x1b]0;title\x07\x9b2J 你好", sid="CA\x1b\n\x1b\n\x1b\n", **{"k\n": 1})
    )
    assert text.isprintable()
    assert "error=x\\ny\\x1b]0;title\\x07\\x9b2J 你好" in text


@pytest.mark.parametrize("timestamp", ["yesterday", None, 12, "2025-03-01T12:00:00", "0001-01-01T00:00:00+14:00"])
def test_other_timestamps(timestamp: Any):
    view = LogView()
    shown(view, line())
    event = json.dumps({"event": "a.b", "call_sid": SID, "timestamp": timestamp})
    assert " a.b" in shown(view, event)


def test_no_follow_stops_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "log"
    log.write_bytes(
        line("call.answered").encode() + b"\xff no json\n" + line("call.ended", after_s=2).encode().rstrip()
    )
    assert main(["tail", "--no-follow", str(log)]) == 0
    first, middle, last = capsys.readouterr().out.splitlines()
    assert "call.answered" in first
    assert middle == "\N{REPLACEMENT CHARACTER} no json"
    assert "    2.0s call.ended" in last, "also without a line end"


def test_the_call_option_and_long_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = tmp_path / "log"
    log.write_text(line("a.b", error="x" * 1000) + line("c.d", sid=OTHER))
    assert main(["tail", str(log), "--call", "abcdef", "--no-follow"]) == 0
    (only,) = capsys.readouterr().out.splitlines()
    assert only.endswith("error=" + "x" * 1000)


def test_colours_only_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    log = tmp_path / "log"
    log.write_text(line("store.degraded", level="error"))
    main(["tail", "--no-follow", str(log)])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    main(["tail", "--no-follow", str(log)])
    assert "\x1b[1;31mstore.degraded" in capsys.readouterr().out


def test_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    stdin = io.TextIOWrapper(io.BytesIO(line("a.b").encode() + b"\xff\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["tail"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert " a.b " in first
    assert second == "\N{REPLACEMENT CHARACTER}"


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tail", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"ivr-bridge: {tmp_path / 'none'}: cannot be read: No such file or directory\n"


def test_ctrl_c_is_a_proper_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tail.time, "sleep", interrupted)
    log = tmp_path / "log"
    log.write_text(line())
    assert main(["tail", str(log)]) == 0


class Writer:
    """What another process does to the log each time `tail` sleeps; then the test's steps are over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
        self.log = log
        self.seen: list[str] = []
        self._steps: list[Any] = []
        monkeypatch.setattr(tail, "time", self)

    def sleep(self, _: float) -> None:
        if not self._steps:
            raise KeyboardInterrupt
        self._steps.pop(0)()

    def run(self, *steps: Any) -> list[str]:
        self._steps = list(steps)
        lines = tail._file_lines(self.log, follow=True)
        return list(_until_interrupted(lines))

    def add(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text)


def _until_interrupted(lines: Iterator[str]) -> Iterator[str]:
    try:
        yield from lines
    except KeyboardInterrupt:
        return


def test_lines_are_shown_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = Writer(monkeypatch, tmp_path / "log")
    writer.add("one\n")
    assert writer.run(lambda: writer.add("two\nthree\n"), lambda: None, lambda: writer.add("four\n")) == [
        "one\n", "two\n", "three\n", "four\n",
    ]  # fmt: skip


def test_a_half_written_line_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = Writer(monkeypatch, tmp_path / "log")
    whole = "one 你好\n".encode()
    (tmp_path / "log").write_bytes(whole[:5])

    def add(more: bytes) -> None:
        with writer.log.open("ab") as file:
            file.write(more)

    assert writer.run(lambda: None, lambda: add(whole[5:7]), lambda: add(whole[7:] + b"tw"), lambda: add(b"o\n")) == [
        "one 你好\n", "two\n",
    ]  # fmt: skip


def test_a_rotated_log_goes_on_in_the_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = Writer(monkeypatch, tmp_path / "log")
    writer.add("one\n")

    def rotate() -> None:
        writer.add("last of the old one\n")
        writer.log.rename(tmp_path / "log.1")
        writer.add("first of the new one\n")

    assert writer.run(rotate, lambda: writer.add("two\n")) == [
        "one\n", "last of the old one\n", "first of the new one\n", "two\n",
    ]  # fmt: skip


def test_a_rotated_log_whose_new_file_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = Writer(monkeypatch, tmp_path / "log")
    writer.add("one\n")

    def move() -> None:
        writer.log.rename(tmp_path / "log.1")

    assert writer.run(move, lambda: None, lambda: writer.add("two\n")) == ["one\n", "two\n"]


def test_a_log_that_was_cut_is_read_from_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = Writer(monkeypatch, tmp_path / "log")
    writer.add("one\ntwo\n")

    def cut() -> None:
        os.truncate(writer.log, 0)
        writer.add("new\n")

    assert writer.run(cut, lambda: writer.add("er\n")) == ["one\n", "two\n", "new\n", "er\n"]


def test_live_in_a_process_of_its_own(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text(line("call.answered"))
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-W", "ignore", "-u", "-m", "ivr_bridge.cli.main", "tail", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}) as process:
        stopper = threading.Timer(30, process.kill)
        stopper.start()
        try:
            assert process.stdout is not None
            assert b"call.answered" in process.stdout.readline()
            with log.open("a") as file:
                file.write(line("call.ended", after_s=1))
            assert b"call.ended" in process.stdout.readline()
        finally:
            stopper.cancel()
            process.kill()
