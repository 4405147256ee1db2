import json
from pathlib import Path

import pytest

from ivr_bridge.cli.main import main
from ivr_bridge.records.database import database_url
from tests.support.sound_rows import fill


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    fill(tmp_path / "var")
    return tmp_path / "var"


def listed(var: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    assert main(["recordings", "list", "--json", "--var", str(var), *more]) == 0
    return [row["id"] for row in json.loads(capsys.readouterr().out)["recordings"]]


def test_list(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(var, capsys) == ["RC1", "RC10", "RC40"]
    assert listed(var, capsys, "--older-than", "9d") == ["RC10", "RC40"]
    assert listed(var, capsys, "--call", "CA10") == ["RC10"]
    assert main(["recordings", "list", "--var", str(var)]) == 0
    assert "recordings/RC40.wav" in capsys.readouterr().out


def test_delete(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recordings", "delete", "--yes", "--var", str(var)]) == 2, "all of them is not the default"
    assert "--older-than" in capsys.readouterr().err
    assert main(["recordings", "delete", "--older-than", "30d", "--var", str(var)]) == 2, "nobody can be asked"
    capsys.readouterr()
    assert main(["recordings", "delete", "--older-than", "30d", "--yes", "--json", "--var", str(var)]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": ["RC40"], "elsewhere": []}
    assert main(["recordings", "delete", "--call", "CA1", "--yes", "--var", str(var)]) == 0
    assert "1 deleted" in capsys.readouterr().out
    assert listed(var, capsys) == ["RC10"]
    assert [path.name for path in (var / "recordings").iterdir()] == ["RC10.wav"]


def test_what_lies_on_another_machine_is_deleted_there(
    var: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url(None, var).replace("+aiosqlite", ""))
    other = tmp_path / "other"
    assert main(["recordings", "delete", "--older-than", "9d", "--json", "--yes", "--var", str(other)]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == {"deleted": [], "elsewhere": ["RC10", "RC40"]}
    assert "2 more lie on other machines" in said.err
    assert listed(other, capsys) == ["RC1", "RC10", "RC40"]
    assert main(["recordings", "list", "--var", str(other)]) == 0
    assert capsys.readouterr().out.count("another machine") == 3
    assert len(list((var / "recordings").iterdir())) == 3
    assert main(["recordings", "delete", "--older-than", "9d", "--json", "--yes", "--var", str(var)]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": ["RC10", "RC40"], "elsewhere": []}


def test_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recordings", "list", "--var", str(tmp_path / "new")]) == 0
    assert "no recordings" in capsys.readouterr().out
