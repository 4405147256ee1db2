import json
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.examples import Examples
from tests.simulator.service.asker import asking

THING = {
    "type": "object",
    "required": ["name", "kind", "count", "parts", "flag", "maybe", "fixed", "inner", "many"],
    "properties": {
        "name": {"type": "string", "minLength": 3},
        "kind": {"enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 2},
        "parts": {"type": "array", "minItems": 1, "items": {"type": "number"}},
        "flag": {"type": "boolean"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "fixed": {"const": "x"},
        "inner": {"allOf": [{"$ref": "#/components/schemas/Inner"}]},
        "many": {"type": "object", "minProperties": 1, "additionalProperties": {"default": 7}},
        "other": {"type": "string"},
    },
}
INNER = {"oneOf": [{"type": "object", "required": ["z"], "properties": {"z": {"type": "string"}}}]}


def operation(content: dict[str, Any] | None, status: str = "200") -> dict[str, Any]:
    return {"responses": {"422": {}, status: {"content": content} if content else {}}}


def json_of(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **more}}


THING_REF = {"$ref": "#/components/schemas/Thing"}
DOCUMENT = {
    "paths": {
        "/v1/things/{id}": {"get": operation(json_of(THING_REF)), "delete": operation(None, "204")},
        "/v1/things/special": {"get": operation(json_of({"type": "string"}, example="given"))},
        "/v1/bad": {"get": operation(json_of({"type": "integer", "example": "no integer"}))},
        "/v1/named": {"get": operation(json_of({}, examples={"one": {"value": [1]}}))},
        "/v1/text": {"get": operation({"text/plain": {"schema": {"type": "string"}}})},
        "/v1/audio": {"post": operation({"audio/mpeg": {}})},
    },
    "components": {"schemas": {"Thing": THING, "Inner": INNER}},
}


def answered(method: str, path: str) -> tuple[int, Any]:
    response = Examples(DOCUMENT).answer(method, path)
    if response.status < 400:
        assert response.headers["x-sandbox"] == "example"
    if response.content_type == "application/json" and response.text:
        return response.status, json.loads(response.text)
    return response.status, response.body


def test_the_smallest_value_of_a_schema():
    status, thing = answered("GET", "/v1/things/7")
    assert status == 200
    assert thing == {
        "name": "xxx",
        "kind": "a",
        "count": 2,
        "parts": [0],
        "flag": False,
        "maybe": None,
        "fixed": "x",
        "inner": {"z": "string"},
        "many": {"name_0": 7},
    }


def test_the_files_own_examples_where_they_are_right():
    assert answered("GET", "/v1/things/special") == (200, "given")
    assert answered("GET", "/v1/named") == (200, [1])
    assert answered("GET", "/v1/bad") == (200, 0)


def test_other_answers():
    assert answered("DELETE", "/v1/things/7")[0] == 204
    assert answered("GET", "/v1/text") == (200, b"string")
    assert answered("POST", "/v1/audio") == (200, b"\0")
    assert answered("GET", "/v1/nothing") == (404, {"detail": "Not Found"})
    assert answered("PUT", "/v1/text") == (405, {"detail": "Method Not Allowed"})


async def test_they_answer_what_the_sandbox_does_not_do(tmp_path: Path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(DOCUMENT))
    async with asking(openapi=file) as asker:
        assert await asker.good("GET", "/v1/things/special") == "given"
        assert (await asker.good("GET", "/v1/models"))[0]["model_id"]


def test_a_file_that_is_none(tmp_path: Path):
    file = tmp_path / "spec.json"
    for text in ("{", "{}", "[]", '{"paths": []}'):
        file.write_text(text)
        with pytest.raises(ConfigError, match="no OpenAPI document"):
            Examples.read(file)
    with pytest.raises(ConfigError):
        Examples.read(tmp_path / "none.json")
