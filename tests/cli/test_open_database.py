"""The records for a command: what it reads of the environment, and what it makes."""

from pathlib import Path

import pytest

from ivr_bridge.cli.open_database import open_database, records_settings
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.call_history import list_calls


async def test_a_look_makes_nothing(tmp_path: Path) -> None:
    settings = records_settings(tmp_path / "var")
    async with open_database(settings) as database:
        assert database is None
    assert not (tmp_path / "var").exists()
    async with open_database(settings, make=True) as database:
        assert database is not None
        assert await list_calls(database) == []
    async with open_database(settings) as database:
        assert database is not None


def test_only_what_concerns_the_records_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "no port")
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "a key without an agent")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "there"))
    assert records_settings(None).var_dir == tmp_path / "there"
    assert records_settings(tmp_path / "here").var_dir == tmp_path / "here"
    monkeypatch.setenv("DATABASE_URL", "mysql://u:secret@h/n")
    with pytest.raises(ConfigError, match="DATABASE_URL: must start with postgresql://") as told:
        records_settings(None)
    assert "secret" not in str(told.value)
