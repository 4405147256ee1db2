"""The first plan's paths, against the vendor's contract where it is at hand."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.seed_paths import KNOWLEDGE_BASE, RENAMED, UNCHANGED, todays

CONTRACT = Path(__file__).parents[4] / "shared" / "specs" / "elevenlabs-rest.openapi.json"


@pytest.fixture(scope="module")
def paths() -> dict[str, dict[str, Any]]:
    if not CONTRACT.is_file():
        pytest.skip("the vendor's contract is not beside this checkout")
    return dict(json.loads(CONTRACT.read_text())["paths"])


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (Request("POST", KNOWLEDGE_BASE, json={"url": "https://a.example", "name": "n"}), f"{KNOWLEDGE_BASE}/url"),
        (Request("POST", KNOWLEDGE_BASE, json={"text": "t", "name": "n"}), f"{KNOWLEDGE_BASE}/text"),
        (Request("POST", KNOWLEDGE_BASE, form=aiohttp.FormData), f"{KNOWLEDGE_BASE}/file"),
        (
            Request("GET", "/v1/convai/conversation/get_signed_url", {"agent_id": "a"}),
            "/v1/convai/conversation/get-signed-url",
        ),
    ],
)
def test_an_old_path_is_asked_by_todays(request_: Request, path: str, paths: dict[str, dict[str, Any]]):
    now = todays(request_)
    assert (now.path, now.query, now.json, now.form) == (path, request_.query, request_.json, request_.form)
    assert not paths[path][now.method.lower()].get("deprecated")
    old = paths.get(request_.path, {}).get(request_.method.lower(), {})
    assert not old or old.get("deprecated"), "else it is no old path"


@pytest.mark.parametrize("what", UNCHANGED)
def test_the_others_are_todays_already(what: str, paths: dict[str, dict[str, Any]]):
    method, path = what.split(" ")
    request = Request(method, path)
    assert todays(request) is request
    assert not paths[path][method.lower()].get("deprecated")


def test_nothing_is_renamed_twice():
    assert all(todays(Request(*what.split(" "))).path == path for what, path in RENAMED.items())
    assert todays(todays(Request("POST", KNOWLEDGE_BASE, json={"text": "t"}))).path == f"{KNOWLEDGE_BASE}/text"
