"""`ivr-bridge serve` and `ivr-bridge call` as processes: how they start, what they leave, what a crash costs."""

import asyncio
import os
import signal
import socket
import subprocess
import wave
from pathlib import Path

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, Digits, Say
from ivr_bridge.simulator.phone.phone import Line, Phone
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.voices import speak
from tests.support.server_process import COMMAND, ROOT, ServerProcess, clean_env, wait_until
from tests.test_child_guard import gone

pytestmark = pytest.mark.timeout(150)

HOURS = "what are your opening hours"
PARKING = "is there parking"
GOODBYE = "no thank you goodbye"
EXTRA = ("espeakng_loader", "pocketsphinx", "soxr", "webrtcvad")


def server(tmp_path: Path, *arguments: str, **env: str) -> ServerProcess:
    return ServerProcess(tmp_path / "var", *arguments, **env)


def without_extra(tmp_path: Path) -> dict[str, str]:
    """An environment in which the offline agent is not installed."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({EXTRA!r}))\n", encoding="utf-8"
    )
    return {"PYTHONPATH": str(tmp_path)}


def loudest(wav: Path, from_s: float) -> int:
    """The largest sample that the caller heard after `from_s`."""
    with wave.open(str(wav)) as recorded:
        assert (recorded.getnchannels(), recorded.getframerate()) == (2, 8000)
        recorded.setpos(min(int(from_s * 8000), recorded.getnframes()))
        right = recorded.readframes(recorded.getnframes())
    return max(
        (abs(int.from_bytes(right[at : at + 2], "little", signed=True)) for at in range(2, len(right), 4)), default=0
    )


def test_serve_brings_its_own_and_takes_it_along(tmp_path: Path):
    with server(tmp_path, DRAIN_S="300") as serving:
        assert set(serving.children) == {"valkey", "sandbox"}
        assert not any(gone(pid) for pid in serving.children.values())
        assert serving.get("/healthz")[0] == 200
        assert list(serving.scratch.rglob("*.sock"))
        code, account = serving.place_call("--say", GOODBYE).account()
        assert (code, account["result"], account["reason"]) == (0, "completed", "agent_hung_up"), account
        assert [turn["text"] for turn in account["turns"] if turn["who"] == "caller"] == [GOODBYE]
        assert account["violations"] == []
        serving.signal(signal.SIGINT)
        assert serving.wait() == 0, "without a call there is nothing to wait for"
        assert serving.events()[-1]["event"] == "server.stopped"
        assert serving.nothing_left()


def test_sigterm_lets_a_call_go_on_then_says_why_and_ends_it(tmp_path: Path):
    recording = tmp_path / "call.wav"
    with server(tmp_path, DRAIN_S="2") as serving:
        with serving.place_call("--say", HOURS, "--out", str(recording)) as call:
            wait_until(lambda: len(serving.named("agent.said")) > 1, "an answer")
            serving.signal(signal.SIGTERM)
            assert serving.until("server.draining")["live_calls"] == 1
            assert serving.get("/readyz")[0] == 503
            assert serving.get("/healthz")[0] == 200
            assert not serving.named("call.ended"), "a live call goes on"
            code, refused = serving.place_call("--say", HOURS).account()
            assert (code, refused["result"], refused["reason"]) == (1, "refused", "draining")
            assert refused["said_by_network"] or refused["played_by_network"]
            code, account = call.account()
        assert (code, account["result"], account["reason"]) == (1, "cut_off", "drained")
        # The last call's status callback may meet a server that has nothing left to do and is gone.
        assert [problem for problem in account["violations"] if "/twilio/status broke off" not in problem] == []
        assert serving.wait() == 0
        played = serving.named("prompt.played", prompt="restarting")
        assert len(played) == 1
        assert serving.nothing_left()
    with wave.open(str(recording)) as recorded:
        whole_s = recorded.getnframes() / 8000
    assert loudest(recording, whole_s - 1.5) > 1000, "words to the end"


def test_second_ctrl_c_ends_at_once(tmp_path: Path):
    with server(tmp_path, DRAIN_S="300") as serving:
        with serving.place_call("--say", HOURS) as call:
            wait_until(lambda: serving.named("agent.said"), "a greeting")
            serving.signal(signal.SIGINT)
            serving.until("server.draining")
            wait_until(lambda: "Ctrl-C again ends at once" in "".join(serving.errors), "a word to the operator")
            serving.signal(signal.SIGINT)
            assert serving.wait() == 1
            assert call.account()[0] == 1
        assert serving.named("call.ended")[0]["reason"] == "drained"
        assert serving.events()[-1]["event"] == "server.stopped"
        assert serving.nothing_left()


def test_kill_9_leaves_nothing_and_the_next_start_goes_on_with_the_same_keys(tmp_path: Path):
    with server(tmp_path) as killed:
        key = (killed.var / "api_key").read_text().strip()
        with killed.place_call("--say", HOURS) as call:
            wait_until(lambda: killed.named("agent.said"), "a greeting")
            killed.signal(signal.SIGKILL)
            assert killed.wait() == -signal.SIGKILL
            assert call.account()[0] == 1
        wait_until(killed.nothing_left, "no child and no socket file")
        assert "".join(killed.errors).count(key) == 1, "shown once"
        assert key not in "".join(killed.lines)
        assert (killed.var / "api_key").stat().st_mode & 0o777 == 0o600
        assert key not in (killed.var / "api_keys.json").read_text()
    with server(tmp_path) as again:
        assert "in memory" not in again.until("store.connected")["address"], "the lock is free again"
        assert (again.var / "api_key").read_text().strip() == key
        code, account = again.place_call("--say", GOODBYE).account()
        assert (code, account["result"]) == (0, "completed")
        assert key not in "".join([*again.lines, *again.errors]), "not shown again"


def test_two_servers_of_one_checkout_do_not_disturb_each_other(tmp_path: Path):
    with server(tmp_path) as first:
        with server(tmp_path) as second:
            assert "in memory" not in first.until("store.connected")["address"]
            assert second.until("store.connected")["address"] == "embedded, in memory"
            assert not set(first.children.values()) & set(second.children.values())
            with first.place_call("--say", PARKING) as one, second.place_call("--say", GOODBYE) as other:
                accounts = one.account(), other.account()
            assert [code for code, _ in accounts] == [0, 0], accounts
            heard = [[turn["text"] for turn in account["turns"] if turn["who"] == "caller"] for _, account in accounts]
            assert heard == [[PARKING], [GOODBYE]]
            assert len(first.named("call.ended")) == len(second.named("call.ended")) == 1
            second.signal(signal.SIGTERM)
            assert second.wait() == 0
            assert second.nothing_left()
        assert first.get("/readyz")[0] == 200
        assert not any(gone(pid) for pid in first.children.values())


def test_a_store_that_is_killed_costs_no_call(tmp_path: Path):
    with server(tmp_path) as serving:
        with serving.place_call("--say", PARKING) as call:
            wait_until(lambda: serving.named("agent.said"), "a greeting")
            os.kill(serving.children["valkey"], signal.SIGKILL)
            serving.until("child.ended", child="valkey")
            serving.until("store.degraded")
            assert serving.get("/healthz")[0] == 200
            code, account = call.account()
        assert (code, account["result"]) == (0, "completed"), account
        assert [turn["text"] for turn in account["turns"] if turn["who"] == "caller"] == [PARKING]
        serving.until("store.recovered")
        code, account = serving.place_call("--say", GOODBYE).account()
        assert (code, account["result"]) == (0, "completed"), account


def test_without_the_extra_and_without_a_key_the_error_names_the_command(tmp_path: Path):
    env = clean_env(**without_extra(tmp_path))
    done = subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--var", str(tmp_path / "var")],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "ELEVENLABS_API_KEY is not set" in done.stderr
    assert "pip install" in done.stderr
    assert "ivr-bridge[sandbox]" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_a_key_the_extra_is_not_needed(tmp_path: Path):
    real = {
        "ELEVENLABS_API_KEY": "sk_test",
        "ELEVENLABS_AGENT_ID": "agent_x",
        "ELEVENLABS_BASE_URL": "http://127.0.0.1:9",
    }
    with server(tmp_path, **real, **without_extra(tmp_path)) as serving:
        assert set(serving.children) == {"valkey"}
        assert serving.get("/healthz")[0] == 200
        assert serving.until("agent.unread")["agent_id"] == "agent_x"


def test_a_taken_port_is_told_with_its_remedy_and_leaves_nothing(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "serve", "--port", str(port), "--var", str(tmp_path / "var")],
            env=clean_env(TMPDIR=str(tmp_path), ELEVENLABS_API_KEY="k", ELEVENLABS_AGENT_ID="a", LOG_FORMAT="json"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be bound" in done.stderr
    assert "try another PORT" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["var"], "no socket directory"


def test_the_log_of_a_call_with_digits_tells_nothing_of_a_person_and_no_secret(tmp_path: Path):
    with server(tmp_path, LOG_LEVEL="debug") as serving:
        auth_token = (serving.var / "twilio_auth_token").read_text().strip()
        api_key = (serving.var / "api_key").read_text().strip()
        line = Line(serving.url, None, auth_token, caller="+15557654321", called="+15551234567")
        report = asyncio.run(digits_and_words(line))
        assert report.result == "completed", report
        serving.until("call.ended")
        serving.signal(signal.SIGTERM)
        assert serving.wait() == 0
        log = "".join(serving.lines).lower()
        keyed = [event["pii.digit"] for event in serving.named("caller.keyed")]
        said = serving.named("caller.said")
    assert keyed == ["[1 chars]"] * 5
    assert said
    assert serving.named("tool.answered")
    secrets = [auth_token, api_key, report.custom_parameters["token"]]
    people = ["5557654321", "5551234567", *QUESTION_AND_ANSWERS]
    for hidden in (*secrets, *people):
        assert hidden.lower() not in log, hidden


QUESTION_AND_ANSWERS = (
    "what is my number",
    "you are calling",
    "keypad",
    "anything else",
    GOODBYE,
    "thank you for calling",
)


async def digits_and_words(line: Line) -> CallReport:
    question = QUESTION_AND_ANSWERS[0]
    steps = (
        Digits("47119", expects_answer=False),
        Say(speak(question), question),
        Say(speak(GOODBYE), GOODBYE),
    )
    return await Phone(line).call(CallScript(steps))
