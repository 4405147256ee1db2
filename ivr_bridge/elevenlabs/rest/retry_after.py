"""How long the vendor wants to be left alone: `Retry-After`, in either of its two forms.             pure

Source: RFC 9110, section 10.2.3
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read_retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from now, more than 0; None: it did not say, or nothing that can be read.

    Args:
        headers: of the answer, case-insensitive. A date is counted from the answer's own `Date`, so that two clocks
            that differ do no harm.
        now: stands in where the answer has no `Date`; with a time zone.
    """
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        wanted = _date(text)
        seconds = (wanted - (_date(headers.get("Date", "")) or now)).total_seconds() if wanted else 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
