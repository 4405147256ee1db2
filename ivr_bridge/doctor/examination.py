"""Running checks side by side, so that the slowest one is what an examination takes, and a hanging one ends too."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ivr_bridge.doctor.finding import Finding, NotAsked, Outcome, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import BridgeError

LIMIT_S = 15.0
"""For one check, everything included."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the outside.

    `ask` returns what it found, raises `NotAsked` when it cannot be asked here, and lets a `BridgeError` through: its
    words are then what was found, and `if_broken` is the remedy.
    """

    name: str
    ask: Callable[[Surroundings], Awaitable[Finding]]
    if_broken: str
    limit_s: float = LIMIT_S
    measures: bool = False
    """Made when all others are done: it measures time, and they would be measured with it."""


async def examine(
    checks: Sequence[Check], around: Surroundings, *, done: Callable[[Outcome], None] = lambda _outcome: None
) -> list[Outcome]:
    """Make all checks at the same time; then, at the same time too, those that measure.

    Cancelling it cancels them all; close the surroundings afterwards.

    Args:
        checks: each with its own time limit.
        around: what they look at.
        done: told of each outcome as it comes.

    Returns:
        One outcome for each check, in their order.
    """

    async def outcome(check: Check) -> Outcome:
        told = Outcome(check.name, await _finding(check, around))
        done(told)
        return told

    tasks: dict[Check, asyncio.Task[Outcome]] = {}
    for measures in (False, True):
        async with asyncio.TaskGroup() as group:
            for check in checks:
                if check.measures == measures:
                    tasks[check] = group.create_task(outcome(check), name=f"check {check.name}")
    return [tasks[check].result() for check in checks]


async def _finding(check: Check, around: Surroundings) -> Finding:
    try:
        async with asyncio.timeout(check.limit_s):
            return await check.ask(around)
    except NotAsked as why:
        return Finding(None, why.why, why.remedy)
    except TimeoutError:
        return wrong(f"no answer in {check.limit_s:g} s", check.if_broken)
    except (BridgeError, OSError) as error:
        return wrong(str(error), check.if_broken)
    except Exception as error:  # noqa: BLE001 - a task border: one broken check hides no other; it is told in its row
        return wrong(f"the check itself broke: {type(error).__name__}: {error}", "tell the maintainers of ivr_bridge")
