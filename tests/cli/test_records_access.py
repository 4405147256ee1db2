from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.records_access import NoSuchRecord, RecordsPlace


def test_a_row_names_no_file_outside_of_var(tmp_path: Path) -> None:
    unused: Any = None
    place = RecordsPlace(unused, tmp_path / "var", "here")
    assert place.file("voicemails/VM1.wav") == tmp_path / "var" / "voicemails" / "VM1.wav"
    for name in ("../secret", "/etc/passwd", "voicemails/../../x"):
        with pytest.raises(NoSuchRecord):
            place.file(name)


def test_a_file_lies_where_its_row_says(tmp_path: Path) -> None:
    unused: Any = None
    elsewhere = {"file": "voicemails/VM1.wav", "home": "there"}
    for home, expected in (("here", True), ("there", False), (None, True)):
        assert RecordsPlace(unused, tmp_path, home).is_elsewhere(elsewhere) is expected
    assert not RecordsPlace(unused, tmp_path, "here").is_elsewhere({"file": None, "home": None})
