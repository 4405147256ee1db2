from pathlib import Path

import pytest
import structlog

from ivr_bridge.cli.vendor_account import account_settings, open_account
from ivr_bridge.errors import ConfigError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "bridge.yaml").write_text("")
    return tmp_path / "config"


def test_a_key_is_enough_to_make_the_first_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEVENLABS_API_KEY", "one, two")
    monkeypatch.setenv("PORT", "what is wrong with it is told elsewhere")
    assert account_settings(None).elevenlabs_api_keys == ("one", "two")


def test_names_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEVEN_LABS_API_KEY", "one")
    monkeypatch.setenv("ELEVEN_LABS_BASE_URL", "https://vendor.example.com/v1")
    settings = account_settings(None)
    assert (settings.elevenlabs_api_keys, settings.elevenlabs_base_url) == (("one",), "https://vendor.example.com")


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ELEVENLABS_API_KEY is not set"):
        account_settings(None)
    monkeypatch.setenv("ELEVENLABS_BASE_URL", "http://127.0.0.1:1")
    assert account_settings(None).elevenlabs_api_keys == ()
    with pytest.raises(ConfigError, match=r"bridge\.yaml is not there"):
        account_settings(tmp_path / "nowhere")
    monkeypatch.setenv("ELEVENLABS_BASE_URL", "ftp://x")
    with pytest.raises(ConfigError, match="ELEVENLABS_BASE_URL"):
        account_settings(None)


async def test_the_log_goes_to_stderr_for_as_long_as_it_is_open(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ELEVENLABS_BASE_URL", "http://127.0.0.1:1")
    async with open_account(account_settings(None)) as client:
        assert client.base_url == "http://127.0.0.1:1"
        assert client.key_header, "the sandbox wants some key"
        Log().emit(events.SERVER_STOPPED, calls=1)
        Log().emit(events.AGENT_UNREAD, agent_id="agent_1", error="x")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "agent.unread" in printed.err
    assert "server.stopped" not in printed.err
    assert not structlog.is_configured()
