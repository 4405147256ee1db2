import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge import errors
from ivr_bridge.elevenlabs.rest.errors import parse_error
from ivr_bridge.errors import VendorBusy, VendorError
from tests.elevenlabs.fixtures import fixture

ANSWERS = fixture("rest_errors.json")


def _bytes(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["name"] for answer in ANSWERS])
def test_each_shape_becomes_its_error(answer: dict[str, Any]):
    error = parse_error(answer["status"], {"request-id": "from-header"}, _bytes(answer["body"]))
    assert type(error) is getattr(errors, answer["error"])
    assert error.status == answer["status"]
    assert error.vendor_code == answer["vendor_code"]
    detail = answer["body"].get("detail") if isinstance(answer["body"], dict) else None
    in_body = detail.get("request_id") if isinstance(detail, dict) else None
    assert error.request_id == (in_body or "from-header")
    assert str(error).startswith(f"HTTP {answer['status']}")


def test_the_words_say_which_field():
    by_name = {answer["name"]: str(parse_error(answer["status"], {}, _bytes(answer["body"]))) for answer in ANSWERS}
    assert by_name["today's object with a parameter"] == "HTTP 400 invalid_parameters: text: is too long"
    assert by_name["failed validation"] == "HTTP 422 validation_error: body.text: Field required"
    assert by_name["plain string"] == "HTTP 404: Not Found"
    assert by_name["proxy"] == "HTTP 502"


@pytest.mark.parametrize(
    ("status", "retryable"), [(401, False), (402, False), (404, False), (409, False), (422, False), (408, True),
                              (425, True), (429, True), (500, True), (504, True), (302, True), (101, True)]
)  # fmt: skip
def test_what_may_be_tried_again(status: int, retryable: bool):
    assert parse_error(status, {}, b"").retryable is retryable


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        ({"code": "concurrent_limit_exceeded", "status": "too_many_concurrent_requests"}, "concurrency"),
        ({"status": "too_many_concurrent_requests"}, "concurrency"),
        ({"code": "rate_limit_exceeded"}, "rate"),
        ({"status": "system_busy"}, "system"),
        ({"status": "something_new"}, "rate"),
        ("Too Many Requests", "rate"),
    ],
)
def test_three_kinds_of_too_much(detail: object, kind: str):
    error = parse_error(429, {}, json.dumps({"detail": detail}).encode())
    assert isinstance(error, VendorBusy)
    assert (error.kind, error.fault, error.retryable) == (kind, "theirs", True)


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (401, "quota_exceeded", "operator"),
        (401, "missing_permissions", "operator"),
        (401, "invalid_api_key", "operator"),
        (402, "paid_plan_required", "operator"),
        (400, "voice_not_found", "operator"),
        (404, "agent_not_found", "operator"),
        (405, "", "ours"),
        (422, "validation_error", "ours"),
        (429, "rate_limit_exceeded", "theirs"),
        (500, "", "theirs"),
    ],
)
def test_whose_fault_it_is(status: int, code: str, fault: str):
    assert parse_error(status, {}, json.dumps({"detail": {"status": code}}).encode()).fault == fault


def test_long_words_are_cut():
    assert len(str(parse_error(400, {}, json.dumps({"detail": "x" * 10_000}).encode()))) < 400


@settings(deadline=None)
@given(
    status=st.integers(100, 599),
    body=st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["detail", "code", "status", "message", "loc", "msg", "param", "request_id"]), inner
            )
        ),
    ).map(lambda value: json.dumps({"detail": value}).encode()),
)
def test_no_answer_raises(status: int, body: bytes):
    assert isinstance(parse_error(status, {}, body), VendorError)
