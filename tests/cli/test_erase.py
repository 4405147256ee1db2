"""`ivr-bridge erase`: with a yes, everything of a caller, here and at the vendor if that is wanted."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli import erase as module
from ivr_bridge.cli.main import main
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.support.recorded_calls import ANN, BENS, fill

Out = pytest.CaptureFixture[str]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    fill(tmp_path / "var")
    return tmp_path / "var"


def calls(capsys: Out) -> Any:
    assert main(["calls", "--json", "--pii"]) == 0
    return json.loads(capsys.readouterr().out)["calls"]


@pytest.mark.parametrize("written", [ANN, "+1 (555) 010-0001", " +1.555.010.0001 "])
def test_a_caller_is_erased(var: Path, capsys: Out, written: str) -> None:
    assert main(["erase", written, "--yes"]) == 0
    told = capsys.readouterr().out
    for part in ("calls: 1", "turns: 2", "voicemails: 1", "deleted voicemails/VMAnn.wav", "conv_Ann", "--vendor"):
        assert part in told, part
    assert ANN not in told
    ann, ben = calls(capsys)
    assert ann["caller"] is None
    assert ann["duration_s"] == 61
    assert ben["call_sid"] == BENS
    assert main(["calls"]) == 0
    assert "(erased)" in capsys.readouterr().out
    assert main(["erase", ANN, "--yes"]) == 0
    assert "nothing of +...01" in capsys.readouterr().out


def test_for_machines(var: Path, capsys: Out) -> None:
    assert main(["erase", ANN, "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {
        "turns": 2,
        "voicemails": 1,
        "callbacks": 1,
        "dials": 1,
        "calls": 1,
        "conversations": 1,
    }
    assert told["conversation_ids"] == ["conv_Ann"]
    assert told["deleted_at_vendor"] == []
    assert told["journals_left"] == 0


@pytest.mark.parametrize("number", ["", "anonymous", "5550100001", "+", "+1555010000x", "sip:", "unknown"])
def test_what_is_no_number_of_one_person(var: Path, capsys: Out, number: str) -> None:
    assert main(["erase", number, "--yes"]) == 2
    assert len(calls(capsys)) == 2


def test_nothing_without_a_yes(var: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["erase", ANN]) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", terminal := Terminal("no\n"))
    assert main(["erase", ANN]) == 1
    assert calls(capsys)[0]["caller"] == ANN
    terminal.write("y\n")
    terminal.seek(3)
    assert main(["erase", ANN]) == 0
    assert "Erase everything" in capsys.readouterr().err
    assert calls(capsys)[0]["caller"] is None


def test_files_of_another_machine_are_told(
    var: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{var / 'records.sqlite3'}")
    assert main(["erase", ANN, "--yes", "--var", str(tmp_path / "other")]) == 0
    told = capsys.readouterr().out
    assert "on other machines" in told
    assert "  voicemails/VMAnn.wav" in told
    assert "deleted voicemails" not in told
    assert (var / "voicemails" / "VMAnn.wav").is_file(), "its own server deletes it"
    assert main(["erase", "+15550100099", "--yes", "--json", "--var", str(tmp_path / "other")]) == 0
    assert json.loads(capsys.readouterr().out)["elsewhere"] == ["voicemails/VMBen.wav", "conversations/conv_Ben.json"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_no_server_has_run(tmp_path: Path, capsys: Out) -> None:
    assert main(["erase", ANN, "--yes"]) == 0
    assert "nothing of" in capsys.readouterr().out


def test_without_its_database_nothing_is_erased(var: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@127.0.0.1:9/n")
    assert main(["erase", ANN, "--yes"]) == 1
    assert "secret" not in capsys.readouterr().err
    assert (var / "voicemails" / "VMAnn.wav").is_file()


class Vendor:
    """Stands in for the vendor's client; what it does is told by its errors."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.deleted: list[str] = []
        self.conversations = self

    async def __aenter__(self) -> "Vendor":
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def delete(self, conversation_id: str) -> None:
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.deleted.append(conversation_id)


@pytest.mark.parametrize(
    ("error", "code", "at_vendor"),
    [
        (None, 0, ["conv_Ann"]),
        (VendorRejected("gone", status=404), 0, ["conv_Ann"]),
        (VendorRejected("no", status=401), 1, []),
        (VendorFailed("down", status=500), 1, []),
    ],
    ids=str,
)
def test_at_the_vendor_too(
    var: Path,
    capsys: Out,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    code: int,
    at_vendor: list[str],
) -> None:
    monkeypatch.setenv("ELEVENLABS_API_KEY", "key")
    vendor = Vendor(error)
    monkeypatch.setattr(module, "open_account", lambda _settings: vendor)
    assert main(["erase", ANN, "--yes", "--json", "--vendor"]) == code
    told = capsys.readouterr()
    assert json.loads(told.out)["deleted_at_vendor"] == at_vendor
    assert ("conv_Ann is still at ElevenLabs" in told.err) == bool(code)


def test_the_vendor_wants_a_key(var: Path, capsys: Out) -> None:
    assert main(["erase", ANN, "--yes", "--vendor"]) == 2
    assert "ELEVENLABS_API_KEY" in capsys.readouterr().err
    assert calls(capsys)[0]["caller"] == ANN


def test_a_file_that_cannot_be_deleted(var: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "erase_caller", fail)
    assert main(["erase", ANN, "--yes"]) == 1
    assert "do it again" in capsys.readouterr().err
