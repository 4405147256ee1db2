import json
from typing import Any

import pytest

from ivr_bridge.simulator.service.refusals import (
    Invalid,
    Refusal,
    dark,
    field,
    found,
    in_use,
    missing,
    no_voice,
    not_found,
)


def body_of(refusal: Refusal) -> Any:
    text = refusal.response().text
    assert text is not None
    return json.loads(text)["detail"]


def test_the_present_shape():
    refusal = Refusal(429, "rate_limit_error", "system_busy", "Busy.", {"Retry-After": "1"})
    detail = body_of(refusal)
    assert set(detail) == {"type", "code", "message", "status", "request_id"}
    assert (detail["code"], detail["status"], detail["message"]) == ("system_busy", "system_busy", "Busy.")
    response = refusal.response()
    assert (response.status, response.headers["Retry-After"]) == (429, "1")
    assert response.headers["request-id"]


def test_what_is_not_there_is_refused_by_its_noun():
    document = {"tool_id": "t"}
    assert found(document, "tool") is document
    assert found({}, "tool") == {}, "empty is there"
    with pytest.raises(Refusal, match="no such tool") as refused:
        found(None, "tool")
    assert (refused.value.status, refused.value.code) == (404, "tool_not_found")


def test_what_does_not_validate_has_a_list():
    assert missing("body.text").response().status == 422
    assert body_of(missing("body.text")) == [{"loc": ["body", "text"], "msg": "Field required", "type": "missing"}]


def test_the_usual_ones():
    assert (not_found("agent").status, not_found("agent").code) == (404, "agent_not_found")
    assert (in_use("tool", ["a"]).status, in_use("tool", ["a"]).code) == (409, "tool_in_use")
    assert (no_voice("x").status, no_voice("x").code) == (400, "voice_not_found")
    assert dark().content_type == "text/plain"


def test_fields():
    body = {"a": "x", "n": 1, "b": True, "none": None}
    assert field(body, "a", str) == "x"
    assert field(body, "none", str) is None
    assert field(body, "missing", str) is None
    for name, kind, word in (("n", str, "string_type"), ("b", int, "int_type"), ("a", dict, "dict_type")):
        with pytest.raises(Invalid) as invalid:
            field(body, name, kind)
        assert (invalid.value.code, invalid.value.where) == (word, f"body.{name}")
    for name, word in (("missing", "missing"), ("none", "value_error")):
        with pytest.raises(Invalid) as invalid:
            field(body, name, str, required=True)
        assert invalid.value.code == word
