"""Two fixtures for whoever has ivr-bridge installed: `sandbox` plays ElevenLabs, `phone` places calls to your bridge.

```python
def test_a_table_is_booked(phone):
    call = phone(say=["I would like to book a table", "for two people", "on friday", "at seven"])
    assert call.result == "completed"
    assert [tool.name for tool in call.tool_calls if tool.ok] == ["book_table"]
```

The bridge runs as a process of its own on a free port, with the `config/` of the directory that pytest was started in,
or the default one. Both live for the whole test session.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "ivr_bridge.cli.main")
SANDBOX_READY = "sandbox ready at "
STOP_S = 10.0
CALL_LIMIT_S = 300.0
USAGE, NOBODY = 2, 3


@dataclass(frozen=True, slots=True)
class Turn:
    """Who (`agent` or `caller`) said what, and when on the phone's clock; the caller's is what the agent understood."""

    who: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One client tool that the agent called."""

    name: str
    ok: bool
    ms: float | None


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """What came of a call: the object of `ivr-bridge call --json`."""

    call_sid: str
    result: str
    reason: str
    first_word_ms: float | None
    turns: tuple[Turn, ...]
    turn_latency_ms: tuple[float, ...]
    barge_ins: int
    tool_calls: tuple[ToolCall, ...]
    violations: tuple[str, ...]
    recording: Path | None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: set `ELEVENLABS_BASE_URL` to `url`; any key will do."""

    url: str


class PhoneLine:
    """A bridge that runs, and a telephone to call it with."""

    def __init__(self, url: str, var_dir: Path, recordings: Path) -> None:
        self.url = url
        self._var_dir = var_dir
        self._recordings = recordings
        self._placed = 0

    def __call__(
        self,
        *,
        say: Sequence[str] = (),
        audio: Sequence[Path] = (),
        digits: Sequence[str] = (),
        script: Path | None = None,
    ) -> PlacedCall:
        """Place one call in real time: what is said, then WAV files, then keys; or the steps of a script file.

        Raises:
            RuntimeError: no call could be placed; the message says why.
        """
        self._placed += 1
        recording = self._recordings / f"call-{self._placed}.wav"
        given = {"--say": say, "--audio": audio, "--digits": digits, "--script": [script] if script else []}
        steps = [text for flag, values in given.items() if values for text in (flag, *map(str, values))]
        done = subprocess.run(  # noqa: S603 - our own command
            [
                *COMMAND,
                "call",
                "--json",
                "--url",
                self.url,
                "--var",
                str(self._var_dir),
                "--out",
                str(recording),
                *steps,
            ],
            capture_output=True,
            text=True,
            timeout=CALL_LIMIT_S,
            check=False,
        )
        if done.returncode in (USAGE, NOBODY) or not done.stdout.strip():
            raise RuntimeError(done.stderr.strip())
        return _placed_call(json.loads(done.stdout))


def _placed_call(account: dict[str, Any]) -> PlacedCall:
    return PlacedCall(
        call_sid=account["call_sid"],
        result=account["result"],
        reason=account["reason"],
        first_word_ms=account["first_word_ms"],
        turns=tuple(Turn(**turn) for turn in account["turns"]),
        turn_latency_ms=tuple(account["turn_latency_ms"]),
        barge_ins=account["barge_ins"],
        tool_calls=tuple(ToolCall(**tool) for tool in account["tool_calls"]),
        violations=tuple(account["violations"]),
        recording=Path(account["recording"]) if account["recording"] else None,
    )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """An ElevenLabs of your own, with an agent that listens and speaks."""
    process = _start("sandbox", "--port", "0", env=dict(os.environ))
    try:
        line = _first_line_with(process, SANDBOX_READY)
        yield Sandbox(line.split(SANDBOX_READY, 1)[1].strip())
    finally:
        _stop(process)


@pytest.fixture(scope="session")
def phone(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneLine]:
    """Calls a bridge that talks to `sandbox`."""
    var_dir = tmp_path_factory.mktemp("ivr-bridge")
    config_dir = Path("config")
    if not (config_dir / "bridge.yaml").is_file():
        subprocess.run([*COMMAND, "init", str(var_dir)], check=True, capture_output=True)  # noqa: S603 - our own command
        config_dir = var_dir / "config"
    ours = ("TWILIO_", "ELEVENLABS_", "ELEVEN_LABS_", "PUBLIC_BASE_URL", "REDIS_URL", "HOST", "PORT")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {"ELEVENLABS_BASE_URL": sandbox.url, "ELEVENLABS_API_KEY": "sandbox", "LOG_FORMAT": "json"}
    process = _start("serve", "--port", "0", "--var", str(var_dir), "--config", str(config_dir), env=env)
    try:
        started = json.loads(_first_line_with(process, '"server.started"'))
        yield PhoneLine(started["url"], var_dir, tmp_path_factory.mktemp("recordings"))
    finally:
        _stop(process)
        shutil.rmtree(var_dir, ignore_errors=True)


def _start(*arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, env=env
    )


def _first_line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None  # noqa: S101 - asked for above
    for line in process.stdout:
        if words in line:
            return line
    raise RuntimeError(f"it ended with {process.wait()} before it was ready")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
