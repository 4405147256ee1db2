import re

from ivr_bridge.tools.demo import BOOKINGS, book_table
from ivr_bridge.tools.registry import ToolRegistry


def test_a_booking_has_a_reference_of_its_own() -> None:
    first = book_table(people=2, day="friday", time="seven")
    second = book_table(people=1, day="monday", time="noon")

    pattern = r"A table for (2 people|one person) on \w+ at \w+ is booked\. The reference is (\d+)\."
    references = [int(found[2]) for text in (first, second) if (found := re.fullmatch(pattern, text))]
    assert len(set(references)) == 2
    assert (references[0], 2, "friday", "seven") in BOOKINGS


def test_it_is_a_tools_module() -> None:
    schema = ToolRegistry.from_module("ivr_bridge.tools.demo").schema("book_table")
    assert schema["parameters"]["required"] == ["people", "day", "time"]
    assert schema["parameters"]["properties"]["people"]["maximum"] == 20
