"""The tools that every call has; an agent uses them when they are set up there under these names."""

from dataclasses import asdict

from ivr_bridge.flows.model import Language
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


@tool
async def choose_option(option: str, call: CallControl) -> str:
    """Take an option of the phone menu that is open, for a caller who has said what they want.

    Use it only while you have been told that a menu is open, and only with an option that was named there.

    Args:
        option: the name of the option, as you were told when the menu opened.
        call: this call.
    """
    return call.choose_option(option)


@tool
async def show_menu(call: CallControl) -> str:
    """Open the phone menu again, for a caller who wants to hear the choices or go back to them."""
    return call.show_menu()


@tool
async def switch_language(language: Language, call: CallControl) -> str:
    """Go on in another language, for a caller who speaks it or asks for it.

    Args:
        language: en for English, es for Spanish, zh for Chinese.
        call: this call.
    """
    return call.switch_language(language)
