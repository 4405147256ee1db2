"""The wire fixtures of the vendor."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[2] / "fixtures" / "elevenlabs"


def fixture(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))
