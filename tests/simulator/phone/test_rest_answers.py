"""Every answer of the network's REST, against the vendor's OpenAPI file, which lies beside the checkout."""

import asyncio
import json
import os
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from aiohttp.test_utils import make_mocked_request

from ivr_bridge.simulator.phone.callees import person
from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Wait
from ivr_bridge.simulator.phone.phone import Phone
from ivr_bridge.simulator.phone.rest_answers import RestError, page

from .rest_scene import BASE, OURS, THEIRS, rest_scene
from .scripted_bridge import eventually, tone
from .test_rest_calls import STREAM
from .test_rest_conferences import QUIET, ROOM

SPEC = Path(__file__).resolve().parents[4] / "shared" / "specs" / "twilio-calls.openapi.json"


@cache
def spec():
    if not SPEC.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("the vendor's OpenAPI file is missing: no answer was validated")
        pytest.skip("the vendor's OpenAPI file is missing: no answer was validated")
    return json.loads(SPEC.read_text("utf-8"))


def modern(schema):
    """OpenAPI 3.0's `nullable`, as JSON Schema says it; references written out."""
    if isinstance(schema, list):
        return [modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return modern(spec()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    plain = {key: modern(value) for key, value in schema.items() if key not in ("nullable", "format", "example")}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


def answer_schema(method, path, status):
    """What the file says of this answer; a literal segment counts more than a parameter."""
    fitting = [
        (template, methods[method.lower()])
        for template, methods in spec()["paths"].items()
        if method.lower() in methods and re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path)
    ]
    assert fitting, f"{method} {path} is not in the file"
    template, operation = min(fitting, key=lambda found: found[0].count("{"))
    assert str(status) in operation["responses"], f"{method} {template} does not answer {status}"
    content = operation["responses"][str(status)].get("content", {})
    return content.get("application/json", {}).get("schema")


def problems(method, path, status, body):
    schema = answer_schema(method, path, status)
    if schema is None:
        return [] if body in (b"", None) else ["a body that is not in the file"]
    validator = jsonschema.Draft202012Validator(modern(schema))
    return [f"{method} {path} {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]


async def checked(scene, method, path, *, expect=200, **form):
    status, body = await scene.ask(method, path, **form)
    assert status == expect, body
    assert problems(method, BASE + path, status, body) == []
    return body


async def test_calls_and_recordings():
    spec()
    async with rest_scene({"/flow": STREAM}, rest={"numbers": [OURS]}) as scene:
        scene.network.callees.set(THEIRS, person(Wait(20), HangUp(), rings_s=0.0, greeting_pcm16=tone(300)))
        call = await checked(
            scene, "POST", "/Calls.json", expect=201, To=THEIRS, From=OURS, Url=scene.url("/flow"), Method="POST"
        )
        await eventually(lambda: bool(scene.bridge.streams) and "media" in scene.bridge.streams[0].events())
        await checked(scene, "GET", f"/Calls/{call['sid']}.json")
        recordings = f"/Calls/{call['sid']}/Recordings"
        taken = await checked(scene, "POST", f"{recordings}.json", expect=201)
        one = f"{recordings}/{taken['sid']}.json"
        await checked(scene, "POST", one, Status="paused")
        await checked(scene, "POST", one, Status="stopped")
        await checked(scene, "GET", one)
        await checked(scene, "GET", f"{recordings}.json")
        await checked(scene, "GET", "/Recordings.json", PageSize="1")
        await checked(scene, "GET", f"/Recordings/{taken['sid']}.json")
        await checked(scene, "DELETE", f"/Recordings/{taken['sid']}.json", expect=204)
        await checked(scene, "POST", f"/Calls/{call['sid']}.json", Status="completed")
        await scene.network.idle()
        await checked(scene, "GET", "/Calls.json")
        await checked(scene, "GET", "/IncomingPhoneNumbers.json")


async def test_conferences_and_participants():
    spec()
    async with rest_scene({"/twilio/voice": ROOM, "/left": "<Response/>"}) as scene:
        call = asyncio.create_task(Phone(scene.network.line, network=scene.network).call(CallScript((Wait(20),))))
        await eventually(lambda: bool(scene.network.conferences))
        (conference,) = scene.network.conferences.values()
        scene.network.callees.set(THEIRS, QUIET)
        one = f"/Conferences/{conference.sid}"
        dialled = await checked(
            scene, "POST", f"{one}/Participants.json", expect=201, From=OURS, To=THEIRS, Label="desk"
        )
        await eventually(lambda: dialled["call_sid"] in conference.members)
        desk = f"{one}/Participants/desk.json"
        await checked(scene, "POST", desk, Muted="true", Hold="true")
        await checked(scene, "GET", desk)
        await checked(scene, "GET", f"{one}/Participants.json")
        await checked(scene, "DELETE", desk, expect=204)
        await checked(scene, "POST", f"{one}.json", Status="completed")
        await checked(scene, "GET", f"{one}.json")
        await checked(scene, "GET", "/Conferences.json")
        await checked(scene, "GET", f"{one}/Recordings.json")
        await call


def test_the_judge_of_this_file_finds_what_is_wrong():
    good = {"sid": "CA" + "1" * 32, "status": "queued"}
    path = f"{BASE}/Calls/{good['sid']}.json"
    assert problems("GET", path, 200, good) == []
    assert problems("GET", path, 200, {**good, "status": "asleep"})
    assert problems("GET", path, 200, {**good, "sid": "1"})


def test_errors_have_the_vendors_shape():
    answer = RestError(404, 20404, "not there").response()
    assert (answer.status, json.loads(answer.text)) == (
        404,
        {"code": 20404, "message": "not there", "more_info": "https://www.twilio.com/docs/errors/20404", "status": 404},
    )


@pytest.mark.parametrize(
    ("query", "shown", "has_next", "has_previous"),
    [
        ("", [0, 1, 2, 3, 4], False, False),
        ("?PageSize=2", [0, 1], True, False),
        ("?PageSize=2&Page=2", [4], False, True),
    ],
)
def test_pages(query, shown, has_next, has_previous):
    body = json.loads(page(make_mocked_request("GET", f"/list{query}"), "things", list(range(5))).text)
    assert body["things"] == shown
    assert (bool(body["next_page_uri"]), bool(body["previous_page_uri"])) == (has_next, has_previous)


def test_a_page_that_is_no_number():
    with pytest.raises(RestError):
        page(make_mocked_request("GET", "/list?Page=last"), "things", [])
