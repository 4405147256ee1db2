import asyncio
from typing import Any

import pytest

from ivr_bridge.doctor.examination import Check, examine
from ivr_bridge.doctor.finding import Finding, NotAsked, Outcome, fine, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import StoreError
from tests.doctor.conftest import Scene


def saying(finding: Finding) -> Any:
    async def ask(_around: Surroundings) -> Finding:
        return finding

    return ask


def raising(error: Exception) -> Any:
    async def ask(_around: Surroundings) -> Finding:
        raise error

    return ask


async def never(_around: Surroundings) -> Finding:
    await asyncio.Event().wait()
    return fine("never")


async def test_outcomes_come_in_the_order_of_the_checks_and_each_is_told_once(scene: Scene):
    told: list[str] = []
    checks = [Check("late", never, "wait", limit_s=0.05), Check("early", saying(fine("yes")), "")]
    outcomes = await examine(checks, scene.around(), done=lambda outcome: told.append(outcome.check))
    assert outcomes == [Outcome("late", wrong("no answer in 0.05 s", "wait")), Outcome("early", fine("yes"))]
    assert told == ["early", "late"]


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (NotAsked("no key", "set it"), Finding(None, "no key", "set it")),
        (StoreError("gone"), wrong("gone", "start it")),
        (OSError("no disk"), wrong("no disk", "start it")),
    ],
)
async def test_what_a_check_raises_is_told(scene: Scene, error: Exception, finding: Finding):
    outcomes = await examine([Check("one", raising(error), "start it")], scene.around())
    assert outcomes == [Outcome("one", finding)]


async def test_a_broken_check_hides_no_other(scene: Scene):
    checks = [Check("broken", raising(KeyError("x")), ""), Check("other", saying(fine("yes")), "")]
    broken, other = await examine(checks, scene.around())
    assert broken.finding.ok is False
    assert "the check itself broke: KeyError: 'x'" in broken.finding.found
    assert other.finding == fine("yes")


async def test_they_are_made_side_by_side_and_those_that_measure_after_them(scene: Scene):
    together, begun = asyncio.Barrier(2), []

    async def meets(_around: Surroundings) -> Finding:
        begun.append("side by side")
        async with asyncio.timeout(5):
            await together.wait()
        return fine("met")

    async def measures(_around: Surroundings) -> Finding:
        begun.append("measured")
        return fine("quiet")

    checks = [Check("m", measures, "", measures=True), Check("a", meets, ""), Check("b", meets, "")]
    outcomes = await examine(checks, scene.around())
    assert [outcome.finding.found for outcome in outcomes] == ["quiet", "met", "met"]
    assert begun == ["side by side", "side by side", "measured"]


async def test_cancelling_cancels_all(scene: Scene):
    left: list[str] = []

    async def waits(_around: Surroundings) -> Finding:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("left")
        return fine("")

    task = asyncio.create_task(examine([Check("a", waits, ""), Check("b", waits, "")], scene.around()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left == ["left", "left"]
