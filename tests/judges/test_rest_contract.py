"""Every request of the REST client is one that the vendor's file knows; every answer that it allows is understood."""

import inspect
import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ivr_bridge.elevenlabs.rest.agents import Agents
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.conversation_filters import ConversationFilters
from ivr_bridge.elevenlabs.rest.rag_index import ENDS
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.text_to_speech import SpeechOptions
from ivr_bridge.elevenlabs.rest.voices import VoiceFilters
from ivr_bridge.errors import VendorFailed
from tests.support.openapi import operation_of, problems_of, rest_spec, validator_for
from tests.support.openapi_examples import documented, some
from tests.support.rest_call import Call, made
from tests.support.rest_calls import CALLS
from tests.support.rest_recorder import recorder
from tests.support.vendor_answers import VendorAnswers

EXAMPLES = 20
PLAYABLE = {
    "has_more": False,
    "next_cursor": None,
    "success": True,
    "audio_base64": "AAE=",
    "signed_url": "wss://x/?signature=1",
}
"""What an answer must say to be the last page, a call that was made, audio, or an address at all."""

POLLING = "knowledge_base.index"
"""Made of `start_index` and `indexes`; asks until the answer is an end."""

NO_JSON = ("text_to_speech.convert", "twilio.register_call")
"""Their own tests say what is taken for audio and for TwiML."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rest_spec()
    monkeypatch.chdir(tmp_path)


def resources(client: ElevenLabsAPIClient) -> dict[str, Any]:
    return {name: getattr(client, name) for name in client.__slots__ if name != "transport"}


def methods(resource: object) -> list[str]:
    return [name for name, _ in inspect.getmembers(resource, inspect.ismethod) if not name.startswith("_")]


class Answering(VendorAnswers):
    """Answers with the `number`th value of the operation's schema, or with the `number`th that the file shows."""

    def __init__(self, number: int, *, shown: bool = False) -> None:
        super().__init__()
        self._number = number
        self._shown = shown

    def _next(self, request: Request) -> Any:
        self.requests.append(request)
        operation = operation_of(request.method, request.path)
        assert operation is not None
        content_type, schema = operation.answer
        if content_type != "application/json":
            return {"audio/mpeg": [b"ID3"], "text/html": "<p/>"}.get(content_type)
        if self._shown:
            answer = documented(schema)[self._number]
        else:
            answer = next(islice(some(schema, EXAMPLES, seed=1), self._number, None))
            assert validator_for(schema).is_valid(answer), "the example is none"
        if isinstance(answer, dict):
            answer = {name: PLAYABLE.get(name, value) for name, value in answer.items()}
        return [json.dumps(answer).encode()] if request.path.endswith("/stream/with-timestamps") else answer


def client_of(vendor: VendorAnswers) -> ElevenLabsAPIClient:
    """A client whose resources ask `vendor`."""
    parts = resources(ElevenLabsAPIClient("http://127.0.0.1:1"))
    return cast(
        "ElevenLabsAPIClient",
        SimpleNamespace(**{name: type(resource)(vendor.transport) for name, resource in parts.items()}),
    )


def test_every_public_method_of_the_client_is_called():
    client = ElevenLabsAPIClient("http://127.0.0.1:1")
    public = {f"{name}.{method}" for name, resource in resources(client).items() for method in methods(resource)}
    assert public == {call.name for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_the_request_is_in_the_file(call: Call):
    async with recorder() as vendor, ElevenLabsAPIClient(vendor.url, "sk_test") as client:
        await made(call.ours(client))
    assert len(vendor.seen) == 1
    seen = vendor.seen[0]
    assert [problem.partition(": ")[2] for problem in seen.problems] == list(call.newer)
    assert seen.headers["xi-api-key"] == "sk_test"
    assert "sk_test" not in seen.path + str(seen.query)


@pytest.mark.parametrize("call", [call for call in CALLS if call.name not in (POLLING, *NO_JSON)], ids=str)
async def test_every_answer_that_the_file_allows_is_understood(call: Call):
    for number in range(EXAMPLES):
        vendor = Answering(number)
        await made(call.ours(client_of(vendor)))
        assert len(vendor.requests) == 1


SHOWN = [
    "agents.create",
    "agents.list",
    "agents.duplicate",
    "conversations.get",
    "text_to_speech.convert_with_timestamps",
    "text_to_speech.stream_with_timestamps",
    "voices.list",
    "voices.get",
    "voices.settings",
    "voices.default_settings",
    "voices.edit_settings",
    "user.get",
    "user.subscription",
    "usage.character_stats",
]


@pytest.mark.parametrize("call", [call for call in CALLS if call.name in SHOWN], ids=str)
async def test_the_answer_that_the_file_shows_is_understood(call: Call):
    vendor = Answering(0, shown=True)
    await made(call.ours(client_of(vendor)))
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("call", [call for call in CALLS if call.name in ("agents.get", "agents.update")], ids=str)
async def test_the_agent_that_the_file_shows_has_no_configuration_and_is_taken_for_none(call: Call):
    with pytest.raises(VendorFailed, match="conversation_config: Field required"):
        await made(call.ours(client_of(Answering(0, shown=True))))


async def test_a_list_of_many_pages_asks_as_the_file_allows():
    vendor = VendorAnswers({"agents": [], "next_cursor": "c", "has_more": True}, {"agents": [], "has_more": False})
    await made(Agents(vendor.transport).list())
    assert vendor.asked[1] == ("GET /v1/convai/agents", {"page_size": 100, "cursor": "c"})
    assert problems_of("GET", "/v1/convai/agents", [("page_size", "100"), ("cursor", "c")]) == []
    assert problems_of("GET", "/v2/voices", [("page_size", "100"), ("next_page_token", "t")]) == []


def test_filters_are_those_of_the_file():
    for path, filters, paging in (
        ("/v1/convai/conversations", ConversationFilters, {"cursor", "page_size"}),
        ("/v2/voices", VoiceFilters, {"next_page_token", "page_size"}),
    ):
        operation = operation_of("GET", path)
        assert operation is not None
        known = {p["name"] for p in operation.spec["parameters"] if p["in"] == "query"}
        assert set(filters.__annotations__) == known - paging
        for parameter in operation.spec["parameters"]:
            name = parameter["name"]
            if name in filters.__annotations__:
                words = "array" in json.dumps(parameter["schema"])
                assert words == ("Sequence" in str(filters.__annotations__[name])), name


def test_options_of_speech_are_those_of_the_file():
    operation = operation_of("POST", "/v1/text-to-speech/v/stream")
    assert operation is not None
    schemas = rest_spec()["components"]["schemas"]
    body = set(schemas["Body_text_to_speech_stream"]["properties"])
    assert set(SpeechOptions.__annotations__) - {"enable_logging"} <= body
    assert {"text", "model_id"} <= body


def test_ends_of_an_index_are_those_of_the_file():
    states = rest_spec()["components"]["schemas"]["RAGIndexStatus"]["enum"]
    assert set(ENDS) == set(states) - {"new", "created", "processing"}


URL = "/v1/convai/knowledge-base/url"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "parts", "problem"),
    [
        ("GET", "/v1/convai/stream", [], None, None, "not in the file"),
        ("PUT", "/v1/convai/agents/a", [], None, None, "not in the file"),
        ("GET", "/v1/convai/agents/a/b", [], None, None, "not in the file"),
        ("GET", "/v1/convai/agents", [("page_sise", "3")], None, None, "page_sise: not known"),
        ("GET", "/v1/convai/agents", [("page_size", "many")], None, None, "page_size=['many']: not allowed"),
        ("GET", "/v1/convai/agents", [("page_size", "101")], None, None, "page_size=['101']: not allowed"),
        ("GET", "/v1/convai/agents", [("archived", "1")], None, None, "archived=['1']: not allowed"),
        ("GET", "/v1/convai/agents", [("search", "a"), ("search", "b")], None, None, "not allowed"),
        ("GET", "/v1/convai/conversation/get-signed-url", [], None, None, "agent_id: missing"),
        ("POST", URL, [], None, None, "no JSON body"),
        ("POST", URL, [], {"name": "n"}, None, "'url' is a required property"),
        ("POST", URL, [], {"url": 3}, None, "$.url"),
        ("POST", URL, [], {"url": "u", "naem": "n"}, None, "$.naem: not known"),
        ("GET", "/v1/models", [], {}, None, "not wanted"),
        ("POST", URL, [], None, {"file": ("a", b"")}, "multipart body that is not wanted"),
        ("POST", "/v1/convai/knowledge-base/file", [], None, {"name": (None, b"n")}, "part file: missing"),
        ("POST", "/v1/convai/knowledge-base/file", [], None, {"file": (None, b"n")}, "a file without a name"),
        ("POST", "/v1/convai/knowledge-base/file", [], None, {"file": ("a", b""), "x": (None, b"")}, "x: not known"),
        ("POST", "/v1/convai/tools", [], {"tool_config": {"type": "client", "name": "x"}}, None, "$.tool_config"),
        (
            "POST",
            "/v1/convai/tools",
            [],
            {"tool_config": {"type": "client", "name": "x", "description": "y", "retries": 3}},
            None,
            "$.tool_config.retries: not known",
        ),
    ],
)
def test_the_judge_sees_what_is_wrong(method: str, path: str, query: Any, body: Any, parts: Any, problem: str):
    assert problem in "\n".join(problems_of(method, path, query, body, parts))
