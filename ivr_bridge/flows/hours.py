"""Opening hours: the model of `config/hours.yaml`, and whether a line is open now.                           pure

What counts is the clock on the wall in the calendar's time zone: an hour that daylight saving skips is never there, and
one that it repeats is open both times, or closed both times. A span that ends at or before its own begin goes on over
midnight and belongs to the day on which it begins.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from ivr_bridge.config_file import ConfigModel
from ivr_bridge.flows.names import Name

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
OpenState = Literal["open", "closed", "holiday"]

DAYS: tuple[Day, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60

_SPAN = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_DAY = re.compile(r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}")
_A_LEAP_YEAR = "2024-"


def _span(text: str) -> str:
    parts = _SPAN.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} should be a span such as '09:00-12:30', ending at '24:00' at the latest")
    if text[:5] == text[6:]:
        raise ValueError(f"{text!r} ends as it begins; the whole day is '00:00-24:00'")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one such as 'Europe/Berlin'") from error
    return name


def _holiday(day: str) -> str:
    try:
        if _DAY.fullmatch(day):
            date.fromisoformat(day if len(day) > len("12-25") else _A_LEAP_YEAR + day)
            return day
    except ValueError:
        pass
    raise ValueError(f"{day!r} should be a day such as '2026-12-25', or '12-25' for every year")


Span = Annotated[str, AfterValidator(_span)]
"""`HH:MM-HH:MM`, the end not included; `18:00-02:00` ends on the next day."""
Spans = Annotated[tuple[Span, ...], BeforeValidator(lambda spans: () if spans == "closed" else spans)]
"""Of one day, in any order; `closed` is none."""
Holiday = Annotated[
    str,
    BeforeValidator(lambda day: day.isoformat() if type(day) is date else day),
    AfterValidator(_holiday),
]
"""`YYYY-MM-DD`, or `MM-DD` in every year; a dated one wins."""


class Calendar(ConfigModel):
    """When one line is open."""

    time_zone: Annotated[str, AfterValidator(_zone)]
    """A name of the IANA time zone database."""
    week: dict[Day, Spans]
    """A day that is not named is closed."""
    holidays: dict[Holiday, Spans] = {}
    """Days of their own: their spans stand in the place of the weekday's. What began the evening before goes on."""

    def state(self, wall: datetime) -> OpenState:
        """Whether the line is open at one instant.

        Args:
            wall: with a time zone, any.

        Returns:
            `holiday` when it is closed on a day that stands in `holidays`, even between its spans.
        """
        here = wall.astimezone(ZoneInfo(self.time_zone))
        today, minute = here.date(), here.hour * 60 + here.minute
        if any(begin <= minute < end for begin, end in self._spans(today)):
            return "open"
        yesterday = today - timedelta(days=1)
        if any(minute + DAY_MINUTES < end for _, end in self._spans(yesterday)):
            return "open"
        return "closed" if self._of_its_own(today) is None else "holiday"

    def _spans(self, day: date) -> Iterable[tuple[int, int]]:
        """Begin and end in minutes from the day's midnight; an end on the next day is more than 1440."""
        own = self._of_its_own(day)
        for text in self.week.get(DAYS[day.weekday()], ()) if own is None else own:
            begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
            yield begin, end if end > begin else end + DAY_MINUTES

    def _of_its_own(self, day: date) -> tuple[str, ...] | None:
        written = day.isoformat()
        return self.holidays.get(written, self.holidays.get(written[5:]))


class HoursFile(ConfigModel):
    """`config/hours.yaml`: calendars by the name that an `hours` node gives."""

    hours: dict[Name, Calendar] = Field({})
