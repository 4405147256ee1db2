"""Files of the erased: those that rows name, all of a conversation, and nothing beside them."""

from pathlib import Path

import pytest

from ivr_bridge.records.erased_files import conversation_files, remove_file

OF_ONE = ["conv_1.json", "conv_1.mp3", "conv_1.post_call_audio.json", "conv_1.changed-0.json", "new/conv_1.json"]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    names = [f"conversations/{name}" for name in (*OF_ONE, "conv_12.json", "new/conv_12.json")]
    for name in ("voicemails/RE1.wav", "voicemails/RE2.wav", *names):
        path = tmp_path / "var" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "outside").write_text("x")
    return tmp_path / "var"


def left(var: Path) -> set[str]:
    return {path.relative_to(var).as_posix() for path in var.rglob("*") if path.is_file()}


def test_one_file(var: Path) -> None:
    before = left(var)
    (var / "voicemails" / "RE1.json").write_text("whose it is")
    assert remove_file(var, "voicemails/RE1.wav") == ["voicemails/RE1.wav", "voicemails/RE1.json"]
    assert left(var) == before - {"voicemails/RE1.wav"}
    assert remove_file(var, "voicemails/RE1.wav") == []


def test_all_of_a_conversation(var: Path) -> None:
    before = left(var)
    theirs = {f"conversations/{name}" for name in OF_ONE}
    assert set(conversation_files(var, "conv_1")) == theirs
    assert set(remove_file(var, "conversations/conv_1.mp3")) == theirs
    assert left(var) == before - theirs


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "", ".", "conversations", "voicemails/../../outside"])
def test_nothing_outside_and_no_folder(var: Path, name: str) -> None:
    before = left(var)
    assert remove_file(var, name) == []
    assert left(var) == before
    assert (var.parent / "outside").exists()


@pytest.mark.parametrize("conversation_id", ["", "../conv_1", "conv_2"])
def test_no_such_conversation(var: Path, conversation_id: str) -> None:
    assert conversation_files(var, conversation_id) == []
