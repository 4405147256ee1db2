"""The sandbox against the vendor's own contract: what it answers, and what it refuses, validates."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from tests.simulator.service.caller import QUIET, Caller, Served, served
from tests.support.openapi import REST, operation_of, rest_spec, validator_for

KEYED = {"xi-api-key": "k"}
FILLED = "Opening hours are long. " * 40
CLIENT_TOOL = {
    "type": "client",
    "name": "lookup",
    "description": "Look a caller up.",
    "parameters": {
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"type": "integer", "description": "how many"}},
    },
    "dynamic_variables": {"dynamic_variable_placeholders": {"ivr_bridge": "lookup:0123456789ab"}},
}


def answer_problems(method: str, path: str, status: int, content_type: str, body: Any) -> list[str]:
    """What is wrong with an answer; `body` is decoded JSON, or anything else of another type."""
    operation = operation_of(method, path)
    if operation is None:
        return [f"{method} {path}: not in the file"]
    response = operation.spec["responses"].get(str(status))
    if response is None:
        return [f"{operation}: {status} is not in the file"]
    content = response.get("content")
    if not content:
        return []
    if content_type not in content:
        return [f"{operation}: {content_type} is not in the file, but {list(content)}"]
    if content_type != "application/json":
        return []
    schema = content[content_type].get("schema") or {}
    return [f"{operation}: {e.json_path}: {e.message[:300]}" for e in validator_for(schema).iter_errors(body)]


class Judge:
    """Asks the sandbox, and has every answer judged."""

    def __init__(self, session: ClientSession, server: Served) -> None:
        self.session = session
        self.server = server
        self.judged: Counter[str] = Counter()
        self.problems: list[str] = []

    async def ask(self, method: str, path: str, json_body: Any = None, *, status: int = 200, **how: Any) -> Any:
        url = self.server.make_url(path)
        async with self.session.request(method, url, json=json_body, **how) as answer:
            raw = await answer.read()
            assert answer.status == status, (method, path, answer.status, raw)
            body = json.loads(raw) if answer.content_type == "application/json" and raw else raw
            plain = path.partition("?")[0]
            self.problems += answer_problems(method, plain, status, answer.content_type, body)
            self.judged[f"{method} {plain}"] += 1
            return body


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    rest_spec()
    async with served() as server, ClientSession(headers=KEYED) as session:
        yield Judge(session, server)


async def test_agents_tools_and_documents(judge: Judge):
    ask = judge.ask
    tool = await ask("POST", "/v1/convai/tools", {"tool_config": CLIENT_TOOL})
    document = await ask("POST", "/v1/convai/knowledge-base/text", {"text": FILLED, "name": "hours"})
    page = await ask("POST", "/v1/convai/knowledge-base/url", {"url": "https://example.com/a"})
    form = FormData()
    form.add_field("file", b"Parking is free.", filename="parking.txt", content_type="text/plain")
    form.add_field("name", "parking")
    file = await ask("POST", "/v1/convai/knowledge-base/file", data=form)
    locator = {"type": "text", "id": document["id"], "name": "hours", "usage_mode": "auto"}
    prompt = {"prompt": "Be kind.", "tool_ids": [tool["id"]], "knowledge_base": [locator]}
    config = {"agent": {"first_message": "Hello.", "prompt": prompt}, "tts": {"model_id": "eleven_flash_v2_5"}}
    agent = await ask("POST", "/v1/convai/agents/create", {"name": "a", "conversation_config": config, "tags": ["x"]})
    one = f"/v1/convai/agents/{agent['agent_id']}"
    await ask("GET", one)
    await ask("PATCH", one, {"name": "b", "conversation_config": {"language_presets": {"es": {"overrides": {}}}}})
    await ask("GET", "/v1/convai/agents?page_size=2")
    await ask("GET", f"/v1/convai/agents/summaries?agent_ids={agent['agent_id']}&agent_ids=nobody")
    await ask("GET", f"/v1/convai/agent/{agent['agent_id']}/knowledge-base/size")
    await ask("POST", f"{one}/duplicate", {"name": "c"})
    await ask("GET", f"{one}/link")
    await ask("GET", "/v1/convai/tools")
    await ask("GET", f"/v1/convai/tools/{tool['id']}")
    await ask("GET", f"/v1/convai/tools/{tool['id']}/dependent-agents")
    await ask("PATCH", f"/v1/convai/tools/{tool['id']}", {"tool_config": CLIENT_TOOL})
    await ask("GET", "/v1/convai/knowledge-base?page_size=1&types=text")
    for made in (document, page, file):
        base = f"/v1/convai/knowledge-base/{made['id']}"
        await ask("GET", base)
        await ask("GET", f"{base}/content")
        await ask("GET", f"{base}/dependent-agents")
        index = await ask("POST", f"{base}/rag-index", {"model": "multilingual_e5_large_instruct"})
        await ask("GET", f"{base}/rag-index")
        await ask("DELETE", f"{base}/rag-index/{index['id']}")
    await ask("PATCH", f"/v1/convai/knowledge-base/{document['id']}", {"name": "other"})
    await ask("GET", f"/v1/convai/knowledge-base/summaries?document_ids={document['id']}&document_ids=none")
    item = {"document_id": page["id"], "create_if_missing": True, "model": "e5_mistral_7b_instruct"}
    await ask("POST", "/v1/convai/knowledge-base/rag-index", {"items": [item]})
    await ask("GET", "/v1/convai/knowledge-base/rag-index")
    await ask("DELETE", f"/v1/convai/knowledge-base/{document['id']}?force=true")
    await ask("POST", "/v1/convai/knowledge-base/bulk-delete", {"document_ids": [page["id"], "none"]})
    await ask("DELETE", f"/v1/convai/tools/{tool['id']}?force=true")
    await ask("DELETE", one, status=204)
    assert judge.problems == []
    assert len(judge.judged) > 30


async def test_the_rest_of_the_account(judge: Judge):
    ask = judge.ask
    agent_id = "agent_sandbox_desk"
    secret = await ask("POST", "/v1/convai/secrets", {"type": "new", "name": "s", "value": "v"})
    await ask("GET", "/v1/convai/secrets")
    await ask("GET", f"/v1/convai/secrets/{secret['secret_id']}")
    await ask("PATCH", f"/v1/convai/secrets/{secret['secret_id']}", {"type": "update", "name": "t", "value": "w"})
    await ask("DELETE", f"/v1/convai/secrets/{secret['secret_id']}", status=204)
    number = {"phone_number": "+15550100009", "label": "n", "provider": "twilio", "sid": "AC1", "token": "t"}
    made = await ask("POST", "/v1/convai/phone-numbers", number)
    one = f"/v1/convai/phone-numbers/{made['phone_number_id']}"
    await ask("PATCH", one, {"agent_id": agent_id})
    await ask("GET", one)
    await ask("GET", "/v1/convai/phone-numbers")
    call = {"agent_id": agent_id, "agent_phone_number_id": made["phone_number_id"], "to_number": "+15550100001"}
    placed = await ask("POST", "/v1/convai/twilio/outbound-call", call)
    await ask("GET", f"/v1/convai/conversations/{placed['conversation_id']}")
    numbers = {"from_number": "+15550100001", "to_number": "+15550100002"}
    await ask("POST", "/v1/convai/twilio/register-call", {"agent_id": agent_id, **numbers})
    await ask("DELETE", one)
    hook = {"auth_type": "hmac", "name": "h", "webhook_url": "https://example.com/w"}
    webhook = await ask("POST", "/v1/workspace/webhooks", {"settings": hook})
    await ask("GET", "/v1/workspace/webhooks")
    await ask("PATCH", f"/v1/workspace/webhooks/{webhook['webhook_id']}", {"is_disabled": True, "name": "i"})
    await ask("PATCH", "/v1/convai/settings", {"webhooks": {"post_call_webhook_id": webhook["webhook_id"]}})
    await ask("GET", "/v1/convai/settings")
    await ask("DELETE", f"/v1/workspace/webhooks/{webhook['webhook_id']}")
    for path in (
        "/v1/voices?show_legacy=true",
        "/v2/voices?page_size=3",
        "/v1/voices/EXAVITQu4vr4xnSDxMaL",
        "/v1/voices/EXAVITQu4vr4xnSDxMaL/settings",
        "/v1/voices/settings/default",
        "/v1/models",
        "/v1/user",
        "/v1/user/subscription",
        "/v1/usage/character-stats?start_unix=1760000000000&end_unix=1760172800000",
        "/v1/convai/analytics/live-count",
        f"/v1/convai/conversation/get-signed-url?agent_id={agent_id}",
        f"/v1/convai/conversation/token?agent_id={agent_id}",
    ):
        await ask("GET", path)
    await ask("POST", "/v1/voices/EXAVITQu4vr4xnSDxMaL/settings/edit", {"stability": 0.7})
    times = {"start_time": 1760000000000, "end_time": 1760172800000}
    await ask("POST", "/v1/workspace/analytics/query/usage-by-product-over-time", times)
    speech = "/v1/text-to-speech/EXAVITQu4vr4xnSDxMaL/with-timestamps?output_format=ulaw_8000"
    await ask("POST", speech, {"text": "Hello there."})
    assert judge.problems == []


async def test_conversations(judge: Judge):
    url = judge.server.make_url("/v1/convai/conversation?agent_id=agent_sandbox_desk")
    async with judge.session.ws_connect(url) as socket:
        caller = Caller(socket)
        event = (await caller.begin(**QUIET))["conversation_initiation_metadata_event"]
        one = f"/v1/convai/conversations/{event['conversation_id']}"
        await judge.ask("GET", one)
        await caller.send(type="user_message", text="what is my number")
        called = (await caller.until("client_tool_call"))["client_tool_call"]
        await caller.send(type="client_tool_result", tool_call_id=called["tool_call_id"], result="5", is_error=False)
        await caller.until("agent_response_complete")
    while (found := await judge.ask("GET", one))["status"] != "done":
        pass
    assert [turn["role"] for turn in found["transcript"]] == ["user", "agent", "agent"]
    await judge.ask("GET", "/v1/convai/conversations?summary_mode=include")
    await judge.ask("POST", f"{one}/feedback", {"feedback": "like"})
    await judge.ask("GET", one)
    await judge.ask("DELETE", one)
    assert judge.problems == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/convai/agents/create", {}),
        ("POST", "/v1/convai/tools", {"tool_config": {"type": "client"}}),
        ("GET", "/v1/convai/agents?page_size=0", None),
        ("POST", "/v1/convai/knowledge-base/text", {"text": 7}),
    ],
)
async def test_what_does_not_validate_is_refused_in_the_contracts_shape(
    judge: Judge, method: str, path: str, body: Any
):
    await judge.ask(method, path, body, status=422)
    assert judge.problems == []


async def test_every_other_operation_is_answered_from_the_file():
    document = rest_spec()
    async with served(openapi=REST) as server, ClientSession(headers=KEYED) as session:
        judge = Judge(session, server)
        examples = 0
        for path, operations in document["paths"].items():
            for method in operations:
                plain = path.replace("{", "").replace("}", "")
                if method not in ("get", "post", "patch", "delete", "put"):
                    continue
                async with session.request(method, server.make_url(plain)) as answer:
                    body = await answer.read()
                    if answer.headers.get("x-sandbox") != "example":
                        continue
                    examples += 1
                    value = json.loads(body) if answer.content_type == "application/json" else body
                    judge.problems += answer_problems(method.upper(), plain, answer.status, answer.content_type, value)
        assert examples > 80
        assert judge.problems == []
        assert operation_of("GET", "/v1/nothing") is None
        async with session.get(server.make_url("/v1/nothing")) as answer:
            assert answer.status == 404


def test_the_contract_can_refuse():
    assert answer_problems("POST", "/v1/convai/agents/create", 200, "application/json", {})
    assert answer_problems("GET", "/v1/nothing", 200, "application/json", {})
    assert answer_problems("GET", "/v1/models", 200, "text/html", "")
