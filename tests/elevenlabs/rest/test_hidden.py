"""Values that are told to nobody but the vendor."""

import orjson
import pytest

from ivr_bridge.elevenlabs.rest.hidden import HiddenBody, hidden
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.errors import VendorRejected


def test_a_body_is_sent_whole_and_printed_without_values():
    body = HiddenBody({"name": "crm", "value": "s3cret"})
    assert orjson.loads(orjson.dumps(body)) == {"name": "crm", "value": "s3cret"}
    for text in (repr(body), str(body), f"{body}"):
        assert "s3cret" not in text
        assert "name, value" in text
    assert "s3cret" not in repr(Request("POST", "/v1/x", json=body))


def test_an_error_that_repeats_a_value_does_not_tell_it():
    with pytest.raises(VendorRejected) as caught, hidden("s3cret"):
        raise VendorRejected("HTTP 422: value: s3cret is too short", status=422)
    assert "s3cret" not in str(caught.value) + repr(caught.value)
    assert "too short" in str(caught.value)
    assert caught.value.status == 422


def test_other_errors_pass_and_no_value_is_none():
    with pytest.raises(KeyError), hidden("x"):
        raise KeyError("x")
    with pytest.raises(ValueError, match="empty"), hidden(""):
        raise AssertionError("not reached")
