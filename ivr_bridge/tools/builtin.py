"""The tools that every call has; an agent uses them when they are set up there under these names."""

from dataclasses import asdict

from ivr_bridge.flows.model import Language
from ivr_bridge.tools.context import CallControl, SendMode
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
async def transfer_call(call: CallControl, to: str = "", reason: str = "") -> str:
    """Put the caller through to a person, when they ask for one or when you cannot help them.

    Say in one short sentence that you put them through: your words are played first, then the line leaves you.

    Args:
        call: this call.
        to: where to, one of the names that you were given, never a telephone number; empty where there is one only.
        reason: in a few words, what it is about; the person may be told.
    """
    return call.transfer_after_playout(to, reason)


@tool
async def send_digits(digits: str, call: CallControl, mode: SendMode = "tones") -> str:
    """Press keys on the phone line, when a machine at the other end asks for them: a menu, an extension, a code.

    Args:
        digits: the keys in order: 0-9, * and #; w waits half a second.
        call: this call.
        mode: tones, which most machines take; carrier only if a machine did not notice the tones.
    """
    return call.send_digits(digits, mode)


@tool
async def switch_language(language: Language, call: CallControl) -> str:
    """Go on in another language, for a caller who speaks it or asks for it.

    Args:
        language: en for English, es for Spanish, zh for Chinese.
        call: this call.
    """
    return call.switch_language(language)
