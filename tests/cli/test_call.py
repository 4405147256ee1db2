import argparse
import asyncio
import audioop
import base64
import json
import socket
import subprocess
import sys
import wave
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli import call
from ivr_bridge.cli.main import main
from ivr_bridge.settings import read_settings
from ivr_bridge.simulator.phone import phone
from ivr_bridge.simulator.phone.caller import CallScript, Digits, Say
from tests.cli.fake_server import ENDED, KEY, FakeServer, Told, serving
from tests.simulator.phone.scripted_bridge import BridgeStream, greeter, mulaw_tone, tone

KEYS = {
    "call_sid", "result", "reason", "first_word_ms", "turns", "turn_latency_ms", "barge_ins", "tool_calls", "recording",
}  # fmt: skip
CONVERSATION: Told = [
    ("call.answered", {"ms": 3.0, "pii.caller": "+15550100001"}),
    ("agent.said", {"event_id": 1, "pii.text": "Hello, [b]Ann[/b] :smile: 你好"}),
    ("caller.said", {"event_id": 2, "pii.text": "what are your hours"}),
    ("caller.barged_in", {"event_id": 3, "heard_ms": 812.5, "sent_ms": 2000, "pii.heard": "We are"}),
    ("tool.called", {"tool": "book_table", "tool_call_id": "t1", "pii.arguments": '{"people":2}'}),
    ("tool.called", {"tool": "hang_up", "tool_call_id": "t2", "pii.arguments": "{}"}),
    ("tool.answered", {"tool": "book_table", "tool_call_id": "t1", "ms": 4.2, "pii.result": "x" * 100_000}),
    ("tool.failed", {"tool": "hang_up", "tool_call_id": "t2", "ms": 1.0, "code": "tool_error", "error": "no"}),
    ("call.ended", ENDED),
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(tone(100))
    return path


@pytest.fixture(autouse=True)
def _quick_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    be_quick(monkeypatch, answer_within_s=10)


def be_quick(monkeypatch: pytest.MonkeyPatch, *, answer_within_s: float) -> None:
    quick = partial(CallScript, quiet_s=0.1, hang_up_after_s=0.2, answer_within_s=answer_within_s)
    monkeypatch.setattr(phone, "CallScript", quick)


def is_loud(media: dict[str, Any]) -> bool:
    return audioop.rms(audioop.ulaw2lin(base64.b64decode(media["media"]["payload"]), 2), 2) > 500


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def place(server: FakeServer | None, *arguments: str | Path) -> int:
    """The exit code of `ivr-bridge call`, in a thread, since a command has an event loop of its own."""
    url = ["--url", server.base] if server is not None else []
    return await asyncio.to_thread(main, ["call", *url, *map(str, arguments)])


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    call.add_parser(parser.add_subparsers())
    return parser.parse_args(["call", *arguments])


def test_the_order_of_steps_is_kept():
    arguments = parsed("--say", "a", "b", "--digits", "1#", "--say", "c", "--audio", "d.wav", "--digits", "2", "3")
    assert arguments.steps == [
        ("say", "a"), ("say", "b"), ("digits", "1#"), ("say", "c"),
        ("audio", "d.wav"), ("digits", "2"), ("digits", "3"),
    ]  # fmt: skip
    assert parsed().steps is None


async def test_who_calls_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path):
    async with serving() as server:
        numbers = ["--to", "+15550100777", "--from", "anonymous"]
        assert await place(server, "--audio", clip, "--json", *numbers, "--var", server.let_in(tmp_path / "var")) == 0
    params = server.params("/twilio/voice")
    assert (params["To"], params["Called"], params["From"]) == ("+15550100777", "+15550100777", "anonymous")


def test_steps_become_what_the_phone_does(clip: Path, monkeypatch: pytest.MonkeyPatch):
    spoken = []

    def speak(text: str, language: str) -> bytes:
        spoken.append((text, language))
        return b"\0\0"

    monkeypatch.setattr("ivr_bridge.cli.call_file.speak", speak)
    arguments = parsed("--digits", "1#", "--say", "hola", "--audio", str(clip), "--language", "es")
    steps = call._steps(arguments, read_settings({}))
    assert [type(step) for step in steps] == [Digits, Say, Say]
    assert (steps[0].digits, steps[1].text, steps[2].text) == ("1#", "hola", "clip.wav")
    assert steps[2].pcm16 == tone(100)
    assert spoken == [("hola", "es")]


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"HOST": "localhost", "PORT": "9"}, "http://localhost:9"),
        ({"HOST": "::1"}, "http://[::1]:8080"),
        ({"HOST": "0.0.0.0", "PUBLIC_BASE_URL": "https://x"}, "http://127.0.0.1:8080"),
        ({"HOST": "::", "PUBLIC_BASE_URL": "https://x"}, "http://[::1]:8080"),
        ({"HOST": "192.168.0.7", "PUBLIC_BASE_URL": "https://x"}, "http://192.168.0.7:8080"),
    ],
)
def test_where_it_calls_unless_told(environ: dict[str, str], url: str):
    assert call._default_url(read_settings(environ)) == url


async def test_json_is_one_object_and_nothing_else_on_stdout(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], clip: Path
):
    out = tmp_path / "call.wav"
    async with serving(CONVERSATION) as server:
        var = server.let_in(tmp_path / "var")
        assert await place(server, "--audio", clip, "--json", "--out", out, "--var", var) == 0
    printed, complaints = capfd.readouterr()
    assert complaints == ""
    assert printed.count("\n") == 1
    account = json.loads(printed)
    assert account.keys() >= KEYS
    assert account["call_sid"] == server.params("/twilio/voice")["CallSid"]
    assert server.asked == [(account["call_sid"], f"Bearer {KEY}")]
    assert (account["result"], account["reason"], account["barge_ins"]) == ("completed", "agent_hung_up", 1)
    assert account["first_word_ms"] >= 0
    assert account["tool_calls"] == [
        {"name": "book_table", "ok": True, "ms": 4.2},
        {"name": "hang_up", "ok": False, "ms": 1.0},
    ]
    assert [(turn["who"], turn["text"]) for turn in account["turns"]] == [
        ("agent", "Hello, [b]Ann[/b] :smile: 你好"),
        ("caller", "what are your hours"),
    ]
    assert all(turn.keys() == {"who", "text", "at_ms"} for turn in account["turns"])
    assert account["recording"] == str(out)
    with wave.open(str(out)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (2, 2, 8000)
        assert wav.getnframes() >= 480


async def test_the_conversation_is_printed_for_people(tmp_path: Path, capfd: pytest.CaptureFixture[str], clip: Path):
    async with serving(CONVERSATION) as server:
        assert await place(server, "--audio", clip, "--var", server.let_in(tmp_path / "var")) == 0
    printed, complaints = capfd.readouterr()
    assert complaints == ""
    lines = printed.splitlines()
    assert [line.split(" s  ")[1].split(maxsplit=1) for line in lines[:3]] == [
        ["agent", "Hello, [b]Ann[/b] :smile: 你好"],
        ["caller", "what are your hours"],
        ["barge-in", "after 812 ms: heard “We are”"],
    ]
    assert any(line.endswith('book_table {"people":2}') for line in lines)
    assert "completed (agent_hung_up)" in printed
    assert "barge-ins 1   tools: book_table ok, hang_up failed" in printed
    assert "turn latencies" in printed
    assert not (tmp_path / "call.wav").exists()


@pytest.mark.parametrize("result", ["failed", "refused", "cut_off"])
async def test_what_the_server_says_of_the_end_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, result: str
):
    async with serving([("call.ended", {"result": result, "reason": "its_code"})]) as server:
        assert await place(server, "--audio", clip, "--json", "--var", server.let_in(tmp_path / "var")) == 1
    account = json.loads(capsys.readouterr().out)
    assert (account["result"], account["reason"]) == (result, "its_code")


async def test_a_caller_without_an_answer_gives_up_whatever_the_server_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, monkeypatch: pytest.MonkeyPatch
):
    be_quick(monkeypatch, answer_within_s=0.3)
    told = [("call.ended", {"result": "completed", "reason": "caller_hung_up"})]
    async with serving(told, agent=greeter) as server:
        assert await place(server, "--audio", clip, "--json", "--var", server.let_in(tmp_path / "var")) == 1
    account = json.loads(capsys.readouterr().out)
    assert (account["result"], account["reason"]) == ("failed", "no_answer")


async def test_a_caller_who_was_answered_hangs_up_and_that_is_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path
):
    async def answering(stream: BridgeStream) -> None:
        await stream.until("start")
        await stream.say(mulaw_tone(60))
        while not is_loud(await stream.until("media")):
            pass
        while is_loud(await stream.until("media")):
            pass
        await stream.say(mulaw_tone(60))
        await stream.drain()

    told = [("call.ended", {"result": "completed", "reason": "caller_hung_up"})]
    async with serving(told, agent=answering) as server:
        assert await place(server, "--audio", clip, "--json", "--var", server.let_in(tmp_path / "var")) == 0
    account = json.loads(capsys.readouterr().out)
    assert (account["result"], account["reason"]) == ("completed", "caller_hung_up")
    assert len(account["turn_latency_ms"]) == 1
    assert account["recording"] is None


@pytest.mark.parametrize("has_token", [True, False])
async def test_nobody_at_the_url(tmp_path: Path, capfd: pytest.CaptureFixture[str], clip: Path, has_token: bool):
    var = tmp_path / "var"
    if has_token:
        var.mkdir()
        (var / "twilio_auth_token").write_text("token")
    url = f"http://127.0.0.1:{unused_port()}"
    assert await place(None, "--url", url + "/", "--audio", clip, "--var", var) == 3
    printed, complaints = capfd.readouterr()
    assert printed == ""
    assert complaints == f"ivr-bridge: nobody at {url}; start the server first: make run\n"
    assert await place(None, "--url", url, "--audio", clip, "--var", var, "--json") == 3
    printed, complaints = capfd.readouterr()
    account = json.loads(printed)
    assert (account["result"], account["reason"], account["turns"]) == ("failed", "unreachable", [])
    assert complaints.startswith("ivr-bridge: nobody at ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--digits", "12x"], "--digits '12x': "),
        (["--say", "", "--digits", "?"], "--say '': "),
        (["--audio", "missing.wav"], "missing.wav: cannot be read: No such file"),
        (["--audio", "text.wav"], "text.wav: not a WAV file"),
        (["--digits", "1", "--script", "x.yaml"], "--script goes without --say"),
        (["--script", "x.yaml"], "x.yaml: cannot be read"),
        ([], "calls/demo.yaml: cannot be read"),
        (["--digits", "1", "--out", "nowhere/call.wav"], "there is no directory nowhere"),
        (["--digits", "1", "--url", "ftp://127.0.0.1"], "'ftp://127.0.0.1' is not an http"),
        (["--digits", "1", "--url", "127.0.0.1:8080"], "'127.0.0.1:8080' is not an http"),
    ],
)
def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str):
    (tmp_path / "text.wav").write_text("no audio")
    assert main(["call", *arguments]) == 2
    printed, complaints = capsys.readouterr()
    assert printed == ""
    assert complaints.startswith("ivr-bridge: ")
    assert words in complaints
    assert "Traceback" not in complaints


def test_every_wrong_step_is_told(capsys: pytest.CaptureFixture[str]):
    assert main(["call", "--say", "", "--digits", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [["--fly"], ["--say"], ["--language", "fr"], ["words"], ["--to", "sales"], ["--from", ""], ["--wait", "x"]],
)
def test_options_that_are_none(capsys: pytest.CaptureFixture[str], arguments: list[str]):
    with pytest.raises(SystemExit) as ended:
        main(["call", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


async def test_a_server_that_runs_elsewhere_needs_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path
):
    async with serving() as server:
        assert await place(server, "--audio", clip, "--var", tmp_path / "none") == 2
    complaints = capsys.readouterr().err
    assert "twilio_auth_token cannot be read" in complaints
    assert "TWILIO_AUTH_TOKEN" in complaints
    assert server.posts == []


async def test_a_real_accounts_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, monkeypatch: pytest.MonkeyPatch
):
    """Signs, and follows the TwiML, as if it had dialled PUBLIC_BASE_URL; the first of several tokens signs."""
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://calls.example.com")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "test-auth-token,old")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "7" * 32)
    monkeypatch.setenv("IVR_BRIDGE_API_KEY", KEY)
    async with serving(public_base_url="https://calls.example.com") as server:
        assert await place(server, "--audio", clip, "--json") == 0
    assert server.bad_signatures == []
    assert server.params("/twilio/voice")["AccountSid"] == "AC" + "7" * 32
    assert json.loads(capsys.readouterr().out)["violations"] == []


@pytest.mark.parametrize(
    ("status", "key", "words"),
    [
        (200, "ivr_wrong", "the API key is not accepted"),
        (404, KEY, "no events of this call: HTTP 404"),
        (200, None, "No such file"),
        (200, "two\nlines", "account of the call is missing"),
    ],
)
async def test_without_the_servers_account_the_phones_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path, status: int, key: str | None, words: str
):
    async with serving(status=status) as server:
        var = server.let_in(tmp_path / "var")
        (var / "api_key").write_text(key) if key is not None else (var / "api_key").unlink()
        assert await place(server, "--audio", clip, "--json", "--var", var) == 0
    printed, complaints = capsys.readouterr()
    assert (json.loads(printed)["result"], json.loads(printed)["turns"]) == ("completed", [])
    assert complaints.count("\n") == 1
    assert words in complaints


async def test_a_webhook_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path):
    async with serving(status=404, answers={"/twilio/voice": 500}) as server:
        assert await place(server, "--audio", clip, "--var", server.let_in(tmp_path / "var")) == 1
    printed = capsys.readouterr().out
    assert "failed (webhook_failed)" in printed
    assert "Twilio would have complained: 11200" in printed
    assert "first word -" in printed


async def test_a_recording_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path):
    async with serving() as server:
        arguments = ["--audio", clip, "--json", "--out", tmp_path, "--var", server.let_in(tmp_path / "var")]
        assert await place(server, *arguments) == 0
    printed, complaints = capsys.readouterr()
    assert json.loads(printed)["recording"] is None
    assert f"{tmp_path}: cannot be written" in complaints


async def test_names_of_files_and_violations_are_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: Path
):
    async def faulty(stream: BridgeStream) -> None:
        await stream.until("start")
        await stream.send("[/bold]")
        await stream.say(mulaw_tone(60))
        await stream.mark("done")
        await stream.until("mark")
        await stream.ws.close()

    out = tmp_path / "a[red]b.wav"
    async with serving(agent=faulty) as server:
        assert await place(server, "--audio", clip, "--out", out, "--var", server.let_in(tmp_path / "var")) == 0
    printed = capsys.readouterr().out
    assert out.is_file()
    assert f"recording {out}" in printed
    assert "[/bold]" in printed


def test_commands_are_there_without_the_simulator():
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        "import ivr_bridge.cli.main as m, sys; m.wanted([]); print(*sys.modules)",
    ]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "ivr_bridge.cli.call" in loaded
    assert not [name for name in loaded if name.startswith("ivr_bridge.simulator")]
