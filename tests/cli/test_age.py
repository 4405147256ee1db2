import argparse
from datetime import timedelta

import pytest

from ivr_bridge.cli.age import age


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        ("0d", timedelta()),
    ],
)
def test_as_people_write_it(text: str, means: timedelta) -> None:
    assert age(text) == means


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "1y", "٣d", "999999d"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 30d"):
        age(text)
