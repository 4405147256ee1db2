"""The rungs of a ladder, with nothing behind them but notes of what was asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.agent_seat import Failed
from ivr_bridge.bridge.fallback import Cause, Ladder
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.rescue import TERMINATIONS, Rescue
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import VendorError, VendorFailed
from ivr_bridge.flows.model import Flow
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

ORDER = AgentOrder(agent_id="agent_1", language="es")
SECOND = {"kind": "agent", "agent_id": "agent_2"}
LOST = Failed(Cause.LOST, "closed with 1011: crash", seated=True)


@dataclass
class Scene:
    rescue: Rescue
    filler: Filler
    journey: Any
    done: list[tuple[Any, ...]] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]


def play(story: Callable[[Scene], Awaitable[None]], *rungs: Any, twiml: str | VendorError = "<Response/>") -> Scene:
    async def run() -> Scene:
        ladder = Flow.model_validate(
            {
                "ladder": [{"kind": rung} if isinstance(rung, str) else rung for rung in rungs],
                "start": "end",
                "nodes": {"end": {"kind": "hang_up"}},
            }
        ).ladder
        done: list[tuple[Any, ...]] = []

        async def register(order: AgentOrder) -> str:
            done.append(("register", order))
            await asyncio.sleep(1)
            if isinstance(twiml, VendorError):
                raise twiml
            return twiml

        def dial(order: AgentOrder) -> str:
            done.append(("dial", order))
            return "an agent"

        climbed = Ladder(ladder)
        parts: Any = SimpleNamespace(
            call=SimpleNamespace(end=lambda termination: done.append(("end", termination))),
            desk=SimpleNamespace(ladder=lambda: climbed, dial=dial, register=register),
            agent_side=SimpleNamespace(go_on_without=lambda node: done.append(("go_to", node))),
            journey=SimpleNamespace(vendors_twiml=None),
            filler=Filler(),
            clock=asyncio.get_running_loop().time,
            log=Log(),
        )
        scene = Scene(Rescue(parts), parts.filler, parts.journey, done)
        await story(scene)
        return scene

    with capture_logs() as logs:
        scene = run_virtual(run())
    scene.logs = logs
    return scene


def test_each_failure_is_one_rung_higher_until_the_apology_which_stays() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(5):
            await scene.rescue.climb(LOST, ORDER)

    scene = play(story, "retry", SECOND, {"kind": "menu", "node": "keys"})
    end = ("end", TERMINATIONS[Cause.LOST])
    second = AgentOrder(agent_id="agent_2", language="es")
    assert scene.done == [("dial", ORDER), ("dial", second), ("go_to", "keys"), end, end]
    climbed = scene.events("rung.climbed")
    assert [line["rung"] for line in climbed] == ["retry", "agent", "menu", "apology", "apology"]
    assert [line["step"] for line in climbed] == [1, 2, 3, 4, 4]
    assert {line["cause"] for line in climbed} == {"lost"}


@pytest.mark.parametrize("kind", ["menu", "person", "voicemail"])
def test_a_rung_that_is_a_node_leaves_no_agent(kind: str) -> None:
    async def story(scene: Scene) -> None:
        assert await scene.rescue.climb(LOST, ORDER) is None

    assert play(story, {"kind": kind, "node": "there"}).done == [("go_to", "there")]


def test_an_agent_of_a_rung_is_handed_back() -> None:
    async def story(scene: Scene) -> None:
        assert await scene.rescue.climb(LOST, ORDER) == "an agent"  # type: ignore[comparison-overlap]

    play(story, "retry")


def test_the_vendors_route() -> None:
    async def story(scene: Scene) -> None:
        assert await scene.rescue.climb(LOST, ORDER) is None

    scene = play(story, "register_call")
    assert scene.done == [("register", ORDER), ("end", Termination.VENDOR_TOOK_OVER)]
    assert scene.journey.vendors_twiml == "<Response/>"


def test_a_vendors_route_that_fails_is_passed_and_its_time_counts() -> None:
    async def story(scene: Scene) -> None:
        assert await scene.rescue.climb(LOST, ORDER) is None

    rungs = "register_call", {"kind": "voicemail", "node": "box"}
    scene = play(story, *rungs, twiml=VendorFailed("POST /x: HTTP 503"))
    assert scene.done == [("register", ORDER), ("go_to", "box")]
    assert scene.journey.vendors_twiml is None
    assert [line["ms_since_failure"] for line in scene.events("rung.climbed")] == [0, 1000]
    assert scene.events("agent.faulted")[0]["error"]


def test_a_failure_is_a_wait_and_time_runs_from_the_first_one() -> None:
    async def story(scene: Scene) -> None:
        now = asyncio.get_running_loop().time()
        await scene.rescue.climb(LOST, ORDER)
        assert (scene.filler.why, scene.filler.since) == ("failure", now)
        await asyncio.sleep(3)
        await scene.rescue.climb(Failed(Cause.UNREACHABLE, "x", seated=False), ORDER)
        assert scene.filler.since == now

    scene = play(story, "retry", SECOND)
    assert [line["ms_since_failure"] for line in scene.events("rung.climbed")] == [0, 3000]


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_an_end_and_faults_of_configuration_skip_the_retry_and_are_an_alert(cause: Cause) -> None:
    async def story(scene: Scene) -> None:
        failed = Failed(cause, "why", seated=False)
        scene.rescue.note(failed)
        await scene.rescue.climb(failed, ORDER)

    scene = play(story, "retry")
    assert scene.done == ([("dial", ORDER)] if cause.retryable else [("end", TERMINATIONS[cause])])
    assert TERMINATIONS[cause].prompt == "sorry"
    alerts = [(line["cause"], line["error"]) for line in scene.events("agent.misconfigured")]
    assert alerts == ([(cause.code, "why")] if cause.misconfigured else [])


def test_an_agent_that_is_heard_ends_the_trouble_once() -> None:
    async def story(scene: Scene) -> None:
        scene.rescue.heard()
        await scene.rescue.climb(LOST, ORDER)
        await asyncio.sleep(2)
        scene.rescue.heard()
        scene.rescue.heard()

    scene = play(story, "retry")
    assert [(line["rung"], line["ms_since_failure"]) for line in scene.events("agent.recovered")] == [("retry", 2000)]


def test_what_nobody_noticed_is_climbed_for_later() -> None:
    async def story(scene: Scene) -> None:
        assert scene.rescue.unanswered is None
        scene.rescue.unanswered = LOST
        await scene.rescue.climb(LOST, ORDER)
        assert scene.rescue.unanswered is None

    play(story, "retry")
