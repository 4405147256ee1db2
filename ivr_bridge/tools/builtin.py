"""The tools that every call has; an agent uses them when they are set up there under these names."""

from dataclasses import asdict

from ivr_bridge.tools.context import CallControl
from ivr_bridge.tools.registry import tool


@tool
async def hang_up(call: CallControl) -> str:
    """End the phone call. Say goodbye first: the call ends after your last words have been played."""
    call.hang_up_after_playout()
    return "The call ends after your last words."


@tool
async def get_call_info(call: CallControl) -> dict[str, object]:
    """Tell about this phone call: the caller's number, the called number, when it began and how long it has lasted."""
    return asdict(call.info())
