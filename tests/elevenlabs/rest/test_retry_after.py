"""`Retry-After` in both forms."""

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from ivr_bridge.elevenlabs.rest.retry_after import read_retry_after_s

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:09 GMT"}, 9.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:09"}, 9.0),
        ({"Retry-After": "Sun, 22 Nov 2026 09:59:00 GMT"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:09 GMT", "date": "Sun, 22 Nov 2026 12:00:04 GMT"}, 5.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:09 GMT", "Date": "yesterday"}, 9.0),
        ({"Retry-After": "Sun, 99 Nov 2026 10:00:09 GMT"}, None),
    ],
)
def test_how_long_the_vendor_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None):
    assert read_retry_after_s(CIMultiDict(headers), NOW) == seconds
