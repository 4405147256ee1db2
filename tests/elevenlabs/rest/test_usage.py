"""Usage: milliseconds everywhere."""

import pytest

from ivr_bridge.elevenlabs.rest.usage import Usage
from tests.support.vendor_answers import VendorAnswers

MONDAY_MS, TUESDAY_MS = 1_790_000_000_000, 1_790_086_400_000


async def test_what_was_used_by_product():
    vendor = VendorAnswers(
        {
            "columns": ["time", "product", "credits"],
            "column_types": ["DateTime", "String", "Float"],
            "rows": [["2026-09-21T00:00:00Z", "tts", 12.5], ["2026-09-21T00:00:00Z", "convai", None]],
            "column_units": [None, None, "credits"],
        }
    )
    table = await Usage(vendor.transport).by_product(start_ms=MONDAY_MS, end_ms=TUESDAY_MS, group_by=["product_type"])
    assert [(row["product"], row["credits"]) for row in table.records()] == [("tts", 12.5), ("convai", None)]
    assert vendor.asked == [("POST /v1/workspace/analytics/query/usage-by-product-over-time", {})]
    assert vendor.bodies == [
        {
            "start_time": MONDAY_MS,
            "end_time": TUESDAY_MS,
            "interval_seconds": 86_400,
            "group_by": ["product_type"],
        }
    ]


async def test_what_was_used_by_the_older_operation():
    vendor = VendorAnswers({"time": [MONDAY_MS], "usage": {"All": [12.5]}})
    stats = await Usage(vendor.transport).character_stats(start_ms=MONDAY_MS, end_ms=TUESDAY_MS, metric="credits")
    assert stats.usage == {"All": (12.5,)}
    assert vendor.asked == [
        ("GET /v1/usage/character-stats", {"start_unix": MONDAY_MS, "end_unix": TUESDAY_MS, "metric": "credits"})
    ]


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [(MONDAY_MS // 1000, TUESDAY_MS // 1000), (MONDAY_MS, TUESDAY_MS // 1000), (TUESDAY_MS, MONDAY_MS)],
)
async def test_seconds_are_noticed(start_ms: int, end_ms: int):
    vendor = VendorAnswers({})
    for ask in (Usage(vendor.transport).by_product, Usage(vendor.transport).character_stats):
        with pytest.raises(ValueError, match="milliseconds"):
            await ask(start_ms=start_ms, end_ms=end_ms)
    assert vendor.requests == []
