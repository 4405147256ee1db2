"""Where an agent and the handlers of this server are not of one mind.                                       pure"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr_bridge.agents.handlers import Handler
from ivr_bridge.agents.tool_config import same_parameters
from ivr_bridge.agents.vendor_schema import UntellableError, vendor_parameters


@dataclass(frozen=True, slots=True)
class ToolsDifference:
    """Names of tools, sorted; true when there are any."""

    missing_here: tuple[str, ...] = ()
    """The agent calls it, and nobody here answers: the caller is told that it did not work."""
    missing_there: tuple[str, ...] = ()
    """A file wants the agent to have it, and the agent was not told."""
    differing: tuple[str, ...] = ()
    """The agent sends other arguments than the handler takes."""

    def __bool__(self) -> bool:
        return bool(self.missing_here or self.missing_there or self.differing)


def tools_difference(
    handlers: Iterable[Handler], told: Iterable[Mapping[str, Any]], expected: Collection[str]
) -> ToolsDifference:
    """Compare names, and the types, values and necessity of arguments; words do not count.

    Args:
        handlers: of this server.
        told: `tool_config` of each tool that the agent has; only client tools are looked at.
        expected: handlers that the agent's file names; empty when it has no file, and may then lack any.
    """
    here = {handler.name: handler for handler in handlers}
    there = {str(config.get("name")): config for config in told if config.get("type") == "client"}
    differing = [name for name in here.keys() & there.keys() if not _agree(here[name], there[name])]
    return ToolsDifference(
        tuple(sorted(there.keys() - here.keys())),
        tuple(sorted(set(expected) & here.keys() - there.keys())),
        tuple(sorted(differing)),
    )


def _agree(handler: Handler, told: Mapping[str, Any]) -> bool:
    try:
        wanted = vendor_parameters(handler.schema["parameters"])
    except UntellableError:
        return True  # `check` tells of it where a file names the handler
    return same_parameters(wanted, told.get("parameters"))
