"""One call in an engine, with a clock of its own: what the tests of the engine's parts talk to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.model import Flow, Language
from ivr_bridge.flows.moves import Action, CallBegun, FlowInput, FlowState, KeyPressed, Moment, Play, TimePassed

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

BYE = {"kind": "hang_up", "prompt": "goodbye"}


class FixedHours:
    """A calendar that says one thing."""

    def __init__(self, says: Literal["open", "closed", "holiday"]) -> None:
        self.says = says

    def state(self, wall: datetime) -> Literal["open", "closed", "holiday"]:
        assert wall.tzinfo is not None
        return self.says


def flow(nodes: Mapping[str, Any], start: str | None = None, **rest: Any) -> Flow:
    """A flow without disclosure that begins at its first node; `bye` is there if not given."""
    return Flow.model_validate(
        {"disclosure": False, "start": start or next(iter(nodes)), "nodes": {"bye": BYE, **nodes}, **rest}
    )


class Line:
    """A call that has not begun yet; `begin` begins it, `give` is one step."""

    def __init__(
        self,
        flows: Flow | Mapping[str, Flow],
        *,
        begins: str | None = None,
        hours: Literal["open", "closed", "holiday"] = "open",
        environ: Mapping[str, str] | None = None,
        language: Language = "en",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        given = flows if isinstance(flows, Mapping) else {"main": flows}
        self.engine = Engine(given, {"shop": FixedHours(hours)}, environ)
        self.state: FlowState = self.engine.begin(begins or next(iter(given)), language, variables or {})
        self.at_s = 1000.0

    @property
    def where(self) -> str:
        return self.state.node

    def begin(self) -> tuple[Action, ...]:
        return self.give(CallBegun())

    def give(self, happened: FlowInput) -> tuple[Action, ...]:
        now = Moment(self.at_s, NOON + timedelta(seconds=self.at_s - 1000))
        self.state, actions = self.engine.step(self.state, happened, now)
        return actions

    def keys(self, keys: str) -> tuple[Action, ...]:
        """Press one key after the other; the actions of all."""
        return tuple(action for key in keys for action in self.give(KeyPressed(key)))

    def let_due(self) -> tuple[Action, ...]:
        """Wait until the engine's time has come, and not a moment longer."""
        assert self.state.due_at is not None, f"nothing is due at {self.where}"
        self.at_s = self.state.due_at
        return self.give(TimePassed())


def said(*prompts: str, language: Language = "en", then_report: bool = True) -> Play:
    """The `Play` of these prompts."""
    return Play(tuple((prompt, language) for prompt in prompts), then_report)
