"""docs/pitfalls.md names a test for each pitfall; each of them is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_named_test_is_there() -> None:
    named = re.findall(r"`([a-z_/0-9]+\.py)::(test_\w+)`", (ROOT / "docs" / "pitfalls.md").read_text())
    assert len(named) > 40
    gone = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^ *(async )?def {name}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)
    ]
    assert gone == []
