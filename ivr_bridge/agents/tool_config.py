"""A client tool as the vendor keeps it, made from the handler that answers it.                              pure

Source: https://elevenlabs.io/docs/api-reference/tools/create
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ivr_bridge.agents.marks import TOOL_PLACEHOLDER, ContentMark, content_hash, tool_mark
from ivr_bridge.agents.vendor_schema import vendor_parameters

LONGEST_WAIT_S = 120
"""An agent waits no longer for a tool; the vendor's limit."""
SPARE_S = 5
"""How much longer than we an agent waits, so that our answer, a failure too, is there before it gives up."""


@dataclass(frozen=True, slots=True)
class WantedTool:
    """One tool as it is to be at the vendor."""

    mark: ContentMark
    config: Mapping[str, Any]
    """`tool_config` with the mark in it."""

    @property
    def name(self) -> str:
        """The handler's, which is what the agent calls."""
        return self.mark.name


def response_timeout_s(tool_timeout_s: float) -> int:
    """How long an agent waits for a tool that we end after `tool_timeout_s`; at most the vendor's limit."""
    return min(LONGEST_WAIT_S, math.ceil(tool_timeout_s) + SPARE_S)


def wanted_tool(schema: Mapping[str, Any], tool_timeout_s: float) -> WantedTool:
    """The vendor's configuration of a handler.

    Args:
        schema: `name`, `description` and `parameters`, as `Tool.schema` gives them.
        tool_timeout_s: of `config/bridge.yaml`.

    Raises:
        UntellableError: its arguments cannot be told to an agent.
    """
    config = {
        "type": "client",
        "name": schema["name"],
        "description": schema["description"],
        "parameters": vendor_parameters(schema["parameters"]),
        "expects_response": True,
        "response_timeout_secs": response_timeout_s(tool_timeout_s),
    }
    mark = ContentMark(schema["name"], content_hash(orjson.dumps(config, option=orjson.OPT_SORT_KEYS)))
    placeholders = {TOOL_PLACEHOLDER: tool_mark(mark.name, mark.content_hash)}
    return WantedTool(mark, {**config, "dynamic_variables": {"dynamic_variable_placeholders": placeholders}})


def same_tool(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether the vendor keeps what we want; what it adds of its own does not count."""
    plain = ("type", "name", "description", "expects_response", "response_timeout_secs")
    return all(wanted[key] == found.get(key) for key in plain) and same_parameters(
        wanted["parameters"], found.get("parameters"), words_too=True
    )


def same_parameters(one: Any, other: Any, *, words_too: bool = False) -> bool:
    """Whether two schemas of the vendor's want the same arguments.

    Args:
        one: a schema; None: no arguments.
        other: a schema; None: no arguments.
        words_too: compare what the model reads as well.
    """
    one, other = _filled(one), _filled(other)
    if (_kind(one), sorted(one.get("required") or ())) != (_kind(other), sorted(other.get("required") or ())):
        return False
    if sorted(one.get("enum") or ()) != sorted(other.get("enum") or ()):
        return False
    if words_too and (one.get("description") or "") != (other.get("description") or ""):
        return False
    ours, theirs = one.get("properties") or {}, other.get("properties") or {}
    if ours.keys() != theirs.keys():
        return False
    if not all(same_parameters(ours[name], theirs[name], words_too=words_too) for name in ours):
        return False
    return _kind(one) != "array" or same_parameters(one.get("items"), other.get("items"), words_too=words_too)


def _filled(schema: Any) -> Mapping[str, Any]:
    return schema if isinstance(schema, Mapping) else {"type": "object"}


def _kind(schema: Mapping[str, Any]) -> str:
    """The type; of a pair with null the other one, which a handler of ours is told as optional."""
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return str(next((each for each in kind if each != "null"), "null"))
    return str(kind)
