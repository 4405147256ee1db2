"""SIP addresses and their headers."""

from urllib.parse import parse_qs

import pytest

from ivr_bridge.twilio.sip_address import HEADERS_MAX_CHARS, is_sip, with_headers


@pytest.mark.parametrize(
    ("number", "sip"), [("sip:a@h", True), ("SIPS:a@h", True), ("+15550100", False), ("client:a", False), ("", False)]
)
def test_what_is_an_address(number: str, sip: bool) -> None:
    assert is_sip(number) is sip


def test_a_number_takes_no_headers() -> None:
    assert with_headers("+15550100", {"X-A": "1"}) == "+15550100"


def test_headers_stand_behind_a_question_mark_and_behind_those_that_are_there() -> None:
    assert with_headers("sip:a@h;transport=tls", {"X-A": "1", "X-B": "2"}) == "sip:a@h;transport=tls?X-A=1&X-B=2"
    assert with_headers("sip:a@h?X-Z=9", {"X-A": "1"}) == "sip:a@h?X-Z=9&X-A=1"
    assert with_headers("sip:a@h", {}) == "sip:a@h"


@pytest.mark.parametrize("value", ["+1 555", "a&X-B=2", "a?b#c", "ñ 中", "100%", "a\r\nVia: x", "\ud800"])
def test_no_value_can_add_a_header(value: str) -> None:
    found = with_headers("sip:a@h", {"X-A": value}).partition("?")[2]
    assert list(parse_qs(found)) == ["X-A"]
    assert parse_qs(found)["X-A"] == [value.replace("\ud800", "?")]
    assert found.isascii()
    assert "\n" not in found


def test_what_is_empty_or_too_long_is_left_out_and_the_rest_goes() -> None:
    found = with_headers("sip:a@h", {"X-A": "", "X-B": "b" * HEADERS_MAX_CHARS, "X-C": "c"})
    assert found == "sip:a@h?X-C=c"
    many = with_headers("sip:a@h", {f"X-{index}": "v" * 90 for index in range(40)})
    assert 800 < len(many.partition("?")[2]) <= HEADERS_MAX_CHARS
