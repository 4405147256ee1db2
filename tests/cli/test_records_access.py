from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.records_access import NoSuchRecord, RecordsPlace


def test_a_row_names_no_file_outside_of_var(tmp_path: Path) -> None:
    unused: Any = None
    place = RecordsPlace(unused, tmp_path / "var")
    assert place.file("voicemails/VM1.wav") == tmp_path / "var" / "voicemails" / "VM1.wav"
    for name in ("../secret", "/etc/passwd", "voicemails/../../x"):
        with pytest.raises(NoSuchRecord):
            place.file(name)
