"""The agent as the vendor describes it: read in the background, over a fake REST client and on virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.agent_profile import FIRST_RETRY_S, LONGEST_RETRY_S, AgentProfile
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from ivr_bridge.elevenlabs.rest.agents import Agents
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import (
    AgentRefused,
    AgentUnreachable,
    VendorError,
    VendorFailed,
    VendorRejected,
    VendorUnreachable,
)
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from tests.support.vendor_answers import VendorAnswers
from tests.support.virtual_time import run_virtual

AGENT = {
    "agent_id": "agent_1",
    "conversation_config": {
        "agent": {"first_message": "Welcome.", "language": "es"},
        "tts": {"voice_id": "voice_1", "model_id": "model_1", "stability": 0.5},
    },
}


class FakeRest:
    """Answers by path; an error among the answers is raised, the last one stays."""

    def __init__(self, **answers: list[Any]) -> None:
        self.vendor = VendorAnswers(*next(iter(answers.values())))
        self.asked_at: list[float] = []
        self.agents = Agents(cast("Transport", self))

    async def json(self, request: Request) -> Any:
        self.asked_at.append(asyncio.get_running_loop().time())
        return await self.vendor.json(request)

    async def cached(self, request: Request, read: Callable[[Any], Any], *, max_age_s: float) -> Any:
        return read(await self.json(request))


class FakePrompts:
    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def render(self, text: str, **how: Any) -> Prompt:
        self.asked.append((text, how))
        if self.faults:
            raise self.faults.pop(0)
        return Prompt("greeting", how["language"], text, b"\xff" * 160)

    def get(self, name: str, language: str) -> Prompt | None:
        return Prompt(name, language, "Good day.", b"\xff" * 160) if name == "welcome" else None


MODE = "cached"


def profile(rest: FakeRest, prompts: FakePrompts, *, agent_id: str | None = "agent_1", **config: Any) -> AgentProfile:
    made = AgentProfile(rest, agent_id, Log())  # type: ignore[arg-type]
    made.use(BridgeConfig(**config), prompts)  # type: ignore[arg-type]
    return made


def with_first_message(text: str) -> dict[str, Any]:
    config = {**AGENT["conversation_config"], "agent": {"first_message": text}}  # type: ignore[dict-item]
    return {**AGENT, "conversation_config": config}


def read(made: AgentProfile) -> list[Any]:
    with capture_logs() as logs:
        run_virtual(made.keep_read())
    return logs


def test_the_first_message_is_rendered_once_in_the_agents_own_voice() -> None:
    prompts = FakePrompts()
    made = profile(FakeRest(agent=[AGENT]), prompts)
    assert (made.state, made.greeting(MODE, "en")) == ("unread", AGENT_GREETS)
    logs = read(made)
    assert made.state == "ok"
    assert prompts.asked == [
        ("Welcome.", {
            "voice_id": "voice_1", "model_id": "model_1", "language": "es", "voice_settings": {"stability": 0.5},
        }),
    ]  # fmt: skip
    greeting = made.greeting(MODE, "en")
    assert (greeting.name, greeting.prompt and greeting.prompt.text) == ("cached", "Welcome.")
    assert [(line["event"], line["agent_id"]) for line in logs] == [("agent.read", "agent_1")]


@pytest.mark.parametrize("first_message", ["", "Hello {{name}}!"])
def test_a_first_message_that_cannot_be_rendered_is_the_agents_own(first_message: str) -> None:
    prompts = FakePrompts()
    made = profile(FakeRest(agent=[with_first_message(first_message)]), prompts)
    read(made)
    assert prompts.asked == []
    assert made.greeting(MODE, "en") == AGENT_GREETS


def test_another_greeting_needs_no_rendering() -> None:
    prompts = FakePrompts()
    made = profile(FakeRest(agent=[AGENT]), prompts, greeting="welcome")
    read(made)
    assert prompts.asked == []
    greeting = made.greeting("welcome", "en")
    assert (greeting.name, greeting.prompt and greeting.prompt.text) == ("welcome", "Good day.")
    assert profile(FakeRest(agent=[AGENT]), prompts, greeting="agent").greeting("agent", "en") == AGENT_GREETS


def test_a_dark_vendor_is_asked_ever_less_often_and_complained_of_once() -> None:
    dark = [VendorUnreachable("no answer")] * 9
    rest = FakeRest(agent=[*dark, VendorRejected("no such agent", status=404), AGENT])
    made = profile(rest, FakePrompts())
    logs = read(made)
    waits = [late - early for early, late in zip(rest.asked_at, rest.asked_at[1:], strict=False)]
    assert waits[0] == FIRST_RETRY_S
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_RETRY_S
    assert [line["event"] for line in logs] == ["agent.unread", "agent.unread", "agent.read"]
    assert [line["error"].partition(":")[0] for line in logs[:2]] == ["vendor_unreachable", "vendor_rejected"]
    assert made.state == "ok"


def test_a_voice_that_fails_is_tried_again_and_the_agent_is_not_read_again() -> None:
    rest, prompts = FakeRest(agent=[AGENT]), FakePrompts(VendorFailed("tts", status=500))
    made = profile(rest, prompts)
    logs = read(made)
    assert [line["event"] for line in logs] == ["agent.read", "agent.unread"]
    assert (len(rest.asked_at), len(prompts.asked)) == (1, 2)
    assert made.greeting(MODE, "en").name == "cached"


def test_the_agents_own_greeting_is_used_while_its_voice_fails() -> None:
    made = profile(FakeRest(agent=[AGENT]), FakePrompts(*[VendorFailed("tts", status=500)] * 99))

    async def scene() -> None:
        reading = asyncio.ensure_future(made.keep_read())
        await asyncio.sleep(30)
        assert made.state == "ok"
        assert made.greeting(MODE, "en") == AGENT_GREETS
        reading.cancel()
        await asyncio.wait([reading])

    run_virtual(scene())


def test_without_an_id_the_first_agent_that_is_not_archived_answers() -> None:
    page = {"agents": [{"agent_id": "old", "archived": True}, {"agent_id": "new"}, {"agent_id": "newer"}]}
    rest = FakeRest(agents=[page])
    made = profile(rest, FakePrompts(), agent_id=None)

    async def twice() -> tuple[str, str]:
        return await made.agent_id(), await made.agent_id()

    assert run_virtual(twice()) == ("new", "new")
    assert len(rest.asked_at) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (VendorUnreachable("no answer"), AgentUnreachable),
        (VendorFailed("broken", status=500), AgentUnreachable),
        (VendorRejected("bad key", status=401), AgentRefused),
        ({"agents": []}, AgentRefused),
    ],
)
def test_an_agent_that_cannot_be_found(answer: Any, expected: type[Exception]) -> None:
    made = profile(FakeRest(agents=[answer]), FakePrompts(), agent_id=None)
    with pytest.raises(expected) as caught:
        run_virtual(made.agent_id())
    assert isinstance(caught.value.__cause__, VendorError)


def test_each_question_is_asked_once_for_a_caller_waits_and_reading_has_its_own_rhythm() -> None:
    rest = FakeRest(agents=[{"agents": [{"agent_id": "new"}]}, AGENT])
    read(profile(rest, FakePrompts(), agent_id=None))
    assert [request.repeat for request in rest.vendor.requests] == [Repeat.NEVER] * 2
