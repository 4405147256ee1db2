from pathlib import Path

import pytest

from ivr_bridge.settings import Settings


@pytest.fixture(autouse=True)
def _clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command of a test sees the settings or the files of whoever runs it."""
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for name in ("ELEVEN_LABS_API_KEY", "ELEVEN_LABS_BASE_URL", "ELEVEN_LABS_AGENT_ID", "IVR_BRIDGE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
