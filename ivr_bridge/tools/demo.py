"""An example of an operator's tools module: what the offline agent of the sandbox asks for.

`config/bridge.yaml` names it in `tools_module`. Copy it, and put your own system where the list is.
"""

from collections import deque
from itertools import count
from typing import Annotated

from pydantic import Field

from ivr_bridge.tools.registry import tool

BOOKINGS: deque[tuple[int, int, str, str]] = deque(maxlen=1000)
"""Reference, people, day, time; the newest last, in this process's memory only."""

_references = count(101)


@tool
def book_table(people: Annotated[int, Field(ge=1, le=20)], day: str, time: str) -> str:
    """Book a table at the restaurant.

    Args:
        people: how many will come, 1 to 20.
        day: a day of the week, or a date.
        time: when they will come, as it was said.
    """
    reference = next(_references)
    BOOKINGS.append((reference, people, day, time))
    guests = "one person" if people == 1 else f"{people} people"
    return f"A table for {guests} on {day} at {time} is booked. The reference is {reference}."
