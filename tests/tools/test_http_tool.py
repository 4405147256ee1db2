import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.dispatch import ToolDispatch
from ivr_bridge.tools.http_request import HttpRequests
from ivr_bridge.tools.http_tool import http_tools
from ivr_bridge.tools.registry import ToolRegistry
from tests.tools.fakes import Control
from tests.tools.loopback_service import Service, never, saying, service

SORRY = "Sorry, that did not work just now."


@dataclass
class Line:
    """A call whose tools are files; each of them may ask 127.0.0.1."""

    folder: Path
    requests: HttpRequests
    answers: asyncio.Queue[tuple[str, str, bool]] = field(default_factory=asyncio.Queue)
    dispatches: list[ToolDispatch] = field(default_factory=list)

    def open(self, running: Service, environ: dict[str, str] | None = None, **more: object) -> ToolDispatch:
        file: dict[str, object] = {
            "name": "look_up",
            "description": "Look up.",
            "parameters": {"properties": {"order": {"type": "string"}, "people": {"type": "integer"}}},
            "url": running.url,
            "allow": ["127.0.0.1"],
        }
        (self.folder / "look_up.yaml").write_text(yaml.safe_dump(file | more))
        registry = ToolRegistry.from_module(None, http_tools(self.folder, environ or {}, self.requests))
        made = ToolDispatch(registry, Control(), lambda *answer: self.answers.put_nowait(answer), Log(), timeout_s=5)
        self.dispatches.append(made)
        return made

    async def ask(self, dispatch: ToolDispatch, **parameters: object) -> tuple[str, bool]:
        dispatch.call("look_up", f"id{dispatch.called}", parameters)
        _, text, is_error = await asyncio.wait_for(self.answers.get(), 5)
        return text, is_error


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path, HttpRequests())
    yield made
    for dispatch in made.dispatches:
        await dispatch.close()
    await made.requests.close()


async def test_a_tool_is_listed_like_any_other(line: Line) -> None:
    async with service(saying()) as running:
        line.open(running)
    registry = ToolRegistry.from_module(None, http_tools(line.folder, {}, line.requests))
    assert registry.names[-1] == "look_up"
    assert registry.schema("look_up") == {
        "name": "look_up",
        "description": "Look up.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string"}, "people": {"type": "integer"}},
            "required": [],
        },
    }


@pytest.mark.parametrize(
    ("order", "path"),
    [
        ("17", "/o/17?q=17"),
        ("a/b?c=d&e#f", "/o/a%2Fb%3Fc%3Dd%26e%23f?q=a%2Fb%3Fc%3Dd%26e%23f"),
        ("ñ 1+1", "/o/%C3%B1%201%2B1?q=%C3%B1%201%2B1"),
        ("{caller}${TOKEN}%2e", "/o/%7Bcaller%7D%24%7BTOKEN%7D%252e?q=%7Bcaller%7D%24%7BTOKEN%7D%252e"),
        ("..", "/o/?q="),
    ],
)
async def test_values_in_the_url_stay_where_they_are(line: Line, order: str, path: str) -> None:
    async with service(saying()) as running:
        tool = line.open(running, {"TOKEN": "s3cret"}, url=f"{running.url}/o/{{order}}?q={{order}}&t=${{TOKEN}}")
        assert await line.ask(tool, order=order) == ('{"ok":true}', False)
    assert running.asked == [f"GET {path}&t=s3cret"]


async def test_headers_and_body_are_filled_in(line: Line) -> None:
    body = {
        "order": "{order}",
        "people": "{people}",
        "text": "{people} for {caller}, {{really}}",
        "list": ["{order}", "{people}", 3, None],
        "key": "${TOKEN}",
    }
    async with service(saying()) as running:
        tool = line.open(
            running,
            {"TOKEN": "s3{order}cret"},
            method="POST",
            headers={"Authorization": "Bearer ${TOKEN}", "X-Call": "{call_sid} {language} {called}"},
            body=body,
        )
        await line.ask(tool, order='a"b\n${TOKEN}', people="4")
        await line.ask(tool, order="x")
    assert running.headers[0]["Authorization"] == "Bearer s3{order}cret"
    assert running.headers[0]["X-Call"] == "CA1 en +15550100002"
    assert [yaml.safe_load(sent) for sent in running.bodies] == [
        {
            "order": 'a"b\n${TOKEN}',
            "people": 4,
            "text": "4 for +15550100001, {really}",
            "list": ['a"b\n${TOKEN}', 4, 3, None],
            "key": "s3{order}cret",
        },
        {"order": "x", "text": " for +15550100001, {really}", "list": ["x", 3, None], "key": "s3{order}cret"},
    ]


async def test_a_value_makes_no_header_of_its_own(line: Line) -> None:
    async with service(saying()) as running:
        tool = line.open(running, headers={"X-Order": "{order}"})
        await line.ask(tool, order="a\r\nX-Evil: 1")
    assert "X-Evil" not in running.headers[0]


@pytest.mark.parametrize(
    ("result", "answer", "told"),
    [
        ("/state", '{"state":"sent"}', "sent"),
        ("/items/0/n", '{"items":[{"n":3}]}', "3"),
        ("Order {order}: {/state}, {{{/eta}}}.", '{"state":"{order}","eta":2}', "Order 17: {order}, {2}."),
        (None, '{"state":"sent"}', '{"state":"sent"}'),
        (None, "", "done"),
    ],
)
async def test_what_the_agent_is_told(line: Line, result: str | None, answer: str, told: str) -> None:
    async with service(saying(answer)) as running:
        tool = line.open(running, result=result)
        assert await line.ask(tool, order="17") == (told, False)


@pytest.mark.parametrize("status", [200, 404, 410])
async def test_nothing_found(line: Line, status: int) -> None:
    async with service(saying('{"state":null}', status=status)) as running:
        tool = line.open(running, result="It is {/state}.", not_found="There is no order {order}.")
        assert await line.ask(tool, order="17") == ("There is no order 17.", False)
        assert await line.ask(line.open(running, result="/state")) == (SORRY, True)


@pytest.mark.parametrize(
    ("answer", "code", "cause"),
    [
        (saying("<html>", "text/html"), "http_bad_answer", "the answer is neither JSON nor plain text"),
        (saying("<html>"), "http_bad_answer", "127.0.0.1 says it answered in JSON and did not"),
        (saying("x" * 70_000, "text/plain"), "http_bad_answer", "127.0.0.1 answered with more than 65536 bytes"),
        (saying('{"error":"s3cret 4111"}', status=500), "http_status", "127.0.0.1 answered 500"),
    ],
)
async def test_a_failure_is_spoken_short_and_logged_with_its_cause(
    line: Line, answer: object, code: str, cause: str
) -> None:
    async with service(answer) as running:  # type: ignore[arg-type]
        tool = line.open(running, {"TOKEN": "s3cret"}, headers={"Authorization": "Bearer ${TOKEN}"})
        with capture_logs() as logs:
            assert await line.ask(tool, order="4111") == (SORRY, True)
    failed = next(entry for entry in logs if entry["event"] == "tool.failed")
    assert (failed["code"], failed["error"]) == (code, cause)
    assert "s3cret" not in str(logs)
    assert not [entry for entry in logs if "4111" in str({**entry, "pii.arguments": ""})]


async def test_no_answer_in_time(line: Line) -> None:
    async with service(never) as running:
        tool = line.open(running, timeout_s=0.05)
        with capture_logs() as logs:
            assert await line.ask(tool) == ("Sorry, that is taking too long.", True)
    assert next(entry["code"] for entry in logs if entry["event"] == "tool.failed") == "http_timeout"


async def test_wrong_arguments_ask_nobody(line: Line) -> None:
    async with service(saying()) as running:
        tool = line.open(running)
        assert await line.ask(tool, people="many") == ("I still need a valid value for: people.", True)
    assert running.asked == []


async def test_a_redirect_to_the_inside(line: Line) -> None:
    async with service(saying()) as inside:

        async def lead_on(_: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(inside.url)

        async with service(lead_on) as running:
            assert await line.ask(line.open(running)) == (SORRY, True)
    assert inside.asked == []


async def test_a_private_name_is_refused_unless_listed(line: Line) -> None:
    async with service(saying()) as running:
        url = f"http://localhost:{running.port}/"
        with capture_logs() as logs:
            assert await line.ask(line.open(running, url=url, allow=[])) == (SORRY, True)
        assert running.asked == []
        assert await line.ask(line.open(running, url=url, allow=["localhost"])) == ('{"ok":true}', False)
    failed = next(entry for entry in logs if entry["event"] == "tool.failed")
    assert failed["code"] == "http_address_refused"
    assert failed["error"].endswith("neither public nor allowed; list it, if it is meant to be asked")


async def test_hanging_up_cancels_the_request(line: Line) -> None:
    async with service(never) as running:
        tool = line.open(running)
        tool.call("look_up", "a", {})
        while not running.asked:
            await asyncio.sleep(0.005)
        await tool.close()
        await asyncio.wait_for(running.gave_up.wait(), 5)
    assert line.answers.empty()
