import json
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.audio.wav import read_wav
from ivr_bridge.cli.main import main
from ivr_bridge.records.database import database_url
from tests.support.sound_rows import CALLER, fill


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    fill(tmp_path / "var")
    return tmp_path / "var"


def listed(var: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    assert main(["voicemail", "list", "--json", "--var", str(var), *more]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["voicemails"]
    return rows


def test_list_shows_all_and_no_whole_number(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["id"] for row in listed(var, capsys)] == ["VMaa1", "REbb2"]
    assert main(["voicemail", "list", "--var", str(var)]) == 0
    shown = capsys.readouterr().out
    assert "VMaa1" in shown
    assert "3 s" in shown
    assert "at Twilio" in shown
    assert CALLER not in shown
    assert listed(var, capsys, "--pii")[0]["caller"] == CALLER
    assert listed(var, capsys)[0]["caller"] == "+...01"


def test_nothing_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voicemail", "list", "--var", str(tmp_path / "new")]) == 0
    assert "no messages" in capsys.readouterr().out


def test_saved_it_is_plain_wav_that_only_its_owner_reads_and_it_is_heard(
    var: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "message.wav"
    assert main(["voicemail", "save", "VM", str(out), "--var", str(var)]) == 0
    capsys.readouterr()
    pcm16, rate_hz = read_wav(out.read_bytes())
    assert (rate_hz, len(pcm16), out.read_bytes()[20]) == (8000, 48_000, 1)
    assert out.stat().st_mode & 0o777 == 0o600
    assert listed(var, capsys)[0]["heard_at"] is not None
    assert main(["voicemail", "save", "VM", str(out), "--var", str(var)]) == 2, "nothing is written over"


def test_played_by_the_first_program_that_is_there(
    var: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    class Played:
        returncode = 0

    def run(command: list[str], **_: Any) -> Played:
        ran.append(command)
        return Played()

    monkeypatch.setattr("ivr_bridge.cli.voicemail.shutil.which", lambda name: name if name == "aplay" else None)
    monkeypatch.setattr("ivr_bridge.cli.voicemail.subprocess.run", run)
    assert main(["voicemail", "play", "VMaa1", "--var", str(var)]) == 0
    capsys.readouterr()
    assert ran == [["aplay", "-q", str(var / "voicemails" / "VMaa1.wav")]]
    assert listed(var, capsys)[0]["heard_at"] is not None
    monkeypatch.setattr("ivr_bridge.cli.voicemail.shutil.which", lambda _name: None)
    assert main(["voicemail", "play", "VMaa1", "--var", str(var)]) == 2
    assert "voicemail save VMaa1" in capsys.readouterr().err


def test_a_player_that_fails_is_no_hearing(
    var: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failed:
        returncode = 3

    monkeypatch.setattr("ivr_bridge.cli.voicemail.shutil.which", lambda name: name)
    monkeypatch.setattr("ivr_bridge.cli.voicemail.subprocess.run", lambda *_, **__: Failed())
    assert main(["voicemail", "play", "VMaa1", "--var", str(var)]) == 1
    capsys.readouterr()
    assert listed(var, capsys)[0]["heard_at"] is None


def test_heard_and_deleted(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voicemail", "heard", "REbb2", "--var", str(var)]) == 0
    capsys.readouterr()
    assert listed(var, capsys)[1]["heard_at"] is not None
    assert main(["voicemail", "delete", "VMaa1", "--json", "--var", str(var)]) == 2, "nobody can be asked"
    capsys.readouterr()
    assert main(["voicemail", "delete", "VMaa1", "--yes", "--json", "--var", str(var)]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "VMaa1", "done": "deleted"}
    assert [row["id"] for row in listed(var, capsys)] == ["REbb2"]
    assert list((var / "voicemails").iterdir()) == []
    assert main(["voicemail", "delete", "RE", "--yes", "--var", str(var)]) == 0
    assert "with Twilio: recording REbb2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["heard", "XX"], "no message 'XX'"),
        (["save", "REbb2", "o.wav"], "lies with Twilio"),
        (["heard", ""], "2 messages begin"),
    ],
)
def test_what_cannot_be_done_is_said(
    var: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["voicemail", *arguments, "--var", str(var)]) == 1
    assert says in capsys.readouterr().err


def test_a_sound_that_is_gone_is_said(var: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (var / "voicemails" / "VMaa1.wav").unlink()
    assert main(["voicemail", "save", "VMaa1", str(tmp_path / "o.wav"), "--var", str(var)]) == 1
    assert "is not there" in capsys.readouterr().err


def test_a_message_on_another_machine_is_deleted_there(
    var: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url(None, var).replace("+aiosqlite", ""))
    other = tmp_path / "other"
    for command in (["delete", "VMaa1", "--yes"], ["save", "VMaa1", str(tmp_path / "o.wav")]):
        assert main(["voicemail", *command, "--var", str(other)]) == 1
        assert "lies on another machine" in capsys.readouterr().err
    assert len(listed(other, capsys)) == 2
    assert main(["voicemail", "delete", "VMaa1", "--yes", "--var", str(var)]) == 0
    assert not (var / "voicemails" / "VMaa1.wav").exists()
