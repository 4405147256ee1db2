import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from ivr_bridge.cli import sandbox_child, serve
from ivr_bridge.cli.main import main
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import Settings

URL = "http://127.0.0.1:4711"
VENDOR = {"ELEVENLABS_API_KEY": "key", "ELEVENLABS_AGENT_ID": "agent_1"}


@dataclass
class FakeBridge:
    """Stands in for everything that `serve` starts; each thing that happens to it is kept, in order."""

    settings: Settings
    happened: list[Any]
    made_api_key: str | None = None
    start_fails: Exception | None = None
    drains: Callable[[], Awaitable[None]] | None = None
    live: list[str] = field(default_factory=list)

    @property
    def desk(self) -> Any:
        return SimpleNamespace(calls=self.live, drain=self.drain)

    async def start(self) -> str:
        if self.start_fails is not None:
            raise self.start_fails
        self.happened.append("started")
        os.kill(os.getpid(), signal.SIGTERM)
        return URL

    async def drain(self, within_s: float) -> None:
        self.happened.append(("drained", within_s))
        if self.drains is not None:
            await self.drains()

    async def close(self) -> None:
        self.happened.append("closed")


class FakeSandbox:
    """Stands in for the child process."""

    happened: list[Any]

    @classmethod
    async def start(cls, _log: Any) -> "FakeSandbox":
        cls.happened.append("sandbox started")
        return cls()

    def settings_for(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"elevenlabs_base_url": "http://127.0.0.1:8090"})

    async def stop(self) -> None:
        self.happened.append("sandbox stopped")


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Options for the bridge that `serve` gets; `happened` is filled, and `bridge` is it."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "bridge.yaml").write_text("")
    given: dict[str, Any] = {"happened": []}

    async def build(settings: Settings, _log: Any, _feeds: Any) -> FakeBridge:
        options = {name: value for name, value in given.items() if name not in ("bridge", "build_fails")}
        if "build_fails" in given:
            raise given["build_fails"]
        given["bridge"] = FakeBridge(settings, **options)
        return given["bridge"]  # type: ignore[no-any-return]

    monkeypatch.setattr(serve, "build_app", build)
    monkeypatch.setattr(serve, "SandboxChild", FakeSandbox)
    monkeypatch.setattr(FakeSandbox, "happened", given["happened"], raising=False)
    yield given
    structlog.reset_defaults()


def set_environment(monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("arguments", [["--port", "eighty"], ["--fly"], ["now"]])
def test_options_that_are_none(capsys: pytest.CaptureFixture[str], arguments: list[str]):
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_every_problem_of_the_settings_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    set_environment(monkeypatch, MAX_CALLS="none", ELEVENLABS_API_KEY="sk-secret")
    assert main(["serve", "--host", "0.0.0.0", "--port", "70000"]) == 2
    printed, complaints = capsys.readouterr()
    assert printed == ""
    for name in ("PORT: ", "MAX_CALLS: ", "PUBLIC_BASE_URL: ", "ELEVENLABS_AGENT_ID: "):
        assert name in complaints
    assert complaints.startswith("ivr-bridge: ")
    assert "secret" not in complaints
    assert "Traceback" not in complaints


def test_without_a_config_it_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        "ivr-bridge: config/bridge.yaml is not there: ivr-bridge init . writes the default config\n"
    )
    assert not (tmp_path / "var").exists()
    assert main(["init", "."]) == 0
    assert (tmp_path / "config" / "bridge.yaml").is_file()


def test_a_var_directory_that_cannot_be_made(
    tmp_path: Path, bridge: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "var").write_text("a file")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == "ivr-bridge: var: cannot be made: File exists; give another --var\n"
    assert bridge["happened"] == []


def test_without_key_and_extra_it_says_the_command(
    bridge: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(serve, "SandboxChild", sandbox_child.SandboxChild)
    monkeypatch.setattr(sandbox_child, "NEEDED_MODULES", ("not_installed_here",))
    assert main(["serve"]) == 2
    complaints = capsys.readouterr().err
    assert "ELEVENLABS_API_KEY is not set" in complaints
    assert "pip install 'ivr-bridge[sandbox]'" in complaints
    assert "bridge" not in bridge


def test_a_port_that_is_taken(bridge: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    bridge["start_fails"] = OSError(errno.EADDRINUSE, "Address already in use")
    assert main(["serve", "--port", "4711"]) == 2
    assert capsys.readouterr().err == (
        "ivr-bridge: 127.0.0.1:4711 cannot be bound: Address already in use; try another PORT\n"
    )
    assert bridge["happened"] == ["sandbox started", "closed", "sandbox stopped"], "nothing is left behind"


def test_a_config_that_cannot_be_used_leaves_no_child(bridge: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    bridge["build_fails"] = ConfigError("config/bridge.yaml:3: language: Input should be 'en', 'es' or 'zh'")
    assert main(["serve"]) == 2
    assert "config/bridge.yaml:3: language" in capsys.readouterr().err
    assert bridge["happened"] == ["sandbox started", "sandbox stopped"]


def test_offline_the_vendor_is_the_sandbox(bridge: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    bridge["made_api_key"] = "ivr_new"
    assert main(["serve"]) == 0
    printed, said = capsys.readouterr()
    assert printed == "", "stdout is the log's"
    assert bridge["bridge"].settings.elevenlabs_base_url == "http://127.0.0.1:8090"
    assert bridge["happened"] == ["sandbox started", "started", ("drained", 30.0), "closed", "sandbox stopped"]
    assert said.splitlines() == [
        f"  ivr-bridge serves on {URL}",
        f"  API key (shown once, kept in {Path('var/api_key')}): ivr_new",
        "  the offline agent answers (set ELEVENLABS_API_KEY and ELEVENLABS_AGENT_ID for a real one)",
        "  place a simulated call: make call   (or: ivr-bridge call)",
    ]


def test_with_a_key_the_vendor_is_the_vendor(
    bridge: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    set_environment(monkeypatch, **VENDOR, PUBLIC_BASE_URL="https://calls.example.com", DRAIN_S="2")
    assert main(["serve", "--host", "0.0.0.0", "--port", "0", "--var", "elsewhere"]) == 0
    settings = bridge["bridge"].settings
    assert (settings.host, settings.port, settings.var_dir) == ("0.0.0.0", 0, Path("elsewhere"))
    assert settings.elevenlabs_base_url == "https://api.elevenlabs.io"
    assert bridge["happened"] == ["started", ("drained", 2.0), "closed"]
    assert Path("elsewhere").is_dir()
    assert capsys.readouterr().err.splitlines() == [
        f"  ivr-bridge serves on {URL}",
        "  the number's voice URL: https://calls.example.com/twilio/voice#rc=2&rp=ct,rt,5xx",
    ]


def test_live_calls_are_waited_for(bridge: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    bridge["live"] = ["one", "other"]
    bridge["drains"] = lambda: asyncio.sleep(0.05)
    assert main(["serve"]) == 0
    assert "finishing 2 calls; Ctrl-C again ends at once" in capsys.readouterr().err


def test_a_second_ctrl_c_ends_at_once(bridge: dict[str, Any]):
    async def insist() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(3600)

    bridge["drains"] = insist
    assert main(["serve"]) == 1
    assert bridge["happened"][-2:] == ["closed", "sandbox stopped"]


def test_a_bug_while_draining_is_not_hidden(bridge: dict[str, Any]):
    async def fail() -> None:
        raise ZeroDivisionError

    bridge["drains"] = fail
    with pytest.raises(ZeroDivisionError):
        main(["serve"])
    assert bridge["happened"][-2:] == ["closed", "sandbox stopped"]


@pytest.mark.parametrize(("chosen", "pretty"), [("json", False), ("pretty", True), ("auto", False)])
def test_how_the_log_looks(bridge: dict[str, Any], monkeypatch: pytest.MonkeyPatch, chosen: str, pretty: bool):
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(serve, "configure_logging", lambda **options: asked.append(options))
    set_environment(monkeypatch, LOG_FORMAT=chosen, LOG_LEVEL="debug", LOG_PII="1")
    assert main(["serve"]) == 0
    assert asked == [{"pretty": pretty, "level": "debug", "show_pii": True}]
    assert bridge["happened"]
