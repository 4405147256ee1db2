"""Which key is used, and who hears that one is dead."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest.key_ring import KeyRing
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected
from ivr_bridge.telemetry.log import Log

FIRST, SECOND, THIRD = (f"sk_{'0' * 20}{end}" for end in ("aaaa", "bbbb", "cccc"))


def invalid() -> VendorError:
    return VendorRejected("HTTP 401 invalid_api_key", status=401, vendor_code="invalid_api_key")


def refused(ring: KeyRing, error: VendorError | None = None, *, position: int | None = None) -> tuple[bool, list[Any]]:
    with capture_logs() as logs:
        again = ring.refused(ring.position if position is None else position, error or invalid())
    return again, logs


def test_an_invalid_key_is_reported_and_the_next_one_used():
    ring = KeyRing((FIRST, SECOND, THIRD), Log())
    assert ring.header == {"xi-api-key": FIRST}
    again, [line] = refused(ring)
    assert again
    assert ring.header == {"xi-api-key": SECOND}
    assert line["event"] == "vendor.key_refused"
    assert (line["position"], line["of"], line["ends_with"], line["left"]) == (1, 3, "aaaa", 2)
    assert FIRST not in str(line)


@pytest.mark.parametrize(
    "error",
    [
        VendorRejected("", status=401, vendor_code="quota_exceeded"),
        VendorRejected("", status=401, vendor_code="missing_permissions"),
        VendorRejected("", status=401, vendor_code="detected_unusual_activity"),
        VendorRejected("", status=401),
        VendorRejected("", status=402, vendor_code="payment_required"),
        VendorRejected("", status=403, vendor_code="forbidden"),
        VendorRejected("", status=400, vendor_code="invalid_api_key"),
        VendorBusy("", status=429, vendor_code="rate_limit_exceeded"),
        VendorFailed("", status=500),
    ],
)
def test_no_other_fault_moves_on(error: VendorError):
    ring = KeyRing((FIRST, SECOND), Log())
    assert refused(ring, error) == (False, [])
    assert ring.header == {"xi-api-key": FIRST}


def test_two_requests_with_one_dead_key_move_on_once():
    ring = KeyRing((FIRST, SECOND, THIRD), Log())
    assert refused(ring, position=0)[0]
    assert refused(ring, position=0) == (True, []), "it was sent before the first one came back"
    assert ring.header == {"xi-api-key": SECOND}


def test_when_all_are_dead_the_error_says_so_and_the_last_one_stays_in_use():
    ring = KeyRing((FIRST, SECOND), Log())
    refused(ring)
    error = invalid()
    again, [line] = refused(ring, error)
    assert not again
    assert line["left"] == 0
    assert "every one of the 2 keys" in str(error)
    assert "bbbb" not in str(error)
    assert ring.header == {"xi-api-key": SECOND}
    assert refused(ring)[1] == [], "each key is reported once"


def test_a_single_key_gets_the_vendors_own_words():
    ring = KeyRing((FIRST,), Log())
    error = invalid()
    again, [line] = refused(ring, error)
    assert (again, str(error), line["left"]) == (False, "HTTP 401 invalid_api_key", 0)


def test_without_a_key_nothing_is_sent_and_nothing_reported():
    ring = KeyRing(("",), Log())
    assert ring.header == {}
    assert refused(ring) == (False, [])


def test_a_short_key_is_shown_not_at_all():
    [line] = refused(KeyRing(("secret", SECOND), Log()))[1]
    assert line["ends_with"] == ""


def test_a_ring_shows_no_key_and_tells_accounts_apart():
    ring = KeyRing((FIRST, SECOND), Log())
    assert FIRST not in repr(ring)
    assert ring.account == KeyRing((SECOND, FIRST, FIRST), Log()).account
    assert ring.account != KeyRing((FIRST,), Log()).account
    assert FIRST not in ring.account


def test_a_key_is_struck_from_what_the_vendor_repeats():
    ring = KeyRing(("sk_secret/+0", SECOND, "K"), Log())
    error = VendorRejected(f"no route /stream?key=sk_secret%2F%2B0 for sk_secret/+0 or {SECOND}; K stays")
    ring.strike(error)
    assert str(error) == "no route /stream?key=<hidden> for <hidden> or <hidden>; K stays"
