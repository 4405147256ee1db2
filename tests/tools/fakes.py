"""A call that remembers what was asked of it, and from which threads."""

import threading

from ivr_bridge.errors import ToolError
from ivr_bridge.flows.model import Language
from ivr_bridge.tools.context import CallInfo, SendMode

INFO = CallInfo("CA1", "+15550100001", "+15550100002", "2026-11-21T10:00:00+00:00", 12.5, "en", "conv_1")


class Control:
    call_sid = "CA1"

    def __init__(self) -> None:
        self.threads: list[int] = []

    def info(self) -> CallInfo:
        return INFO

    def hang_up_after_playout(self) -> None:
        self.threads.append(threading.get_ident())

    def choose_option(self, option: str) -> str:
        self.threads.append(threading.get_ident())
        if option != "billing":
            raise ToolError("There is no such option; there are: billing.")
        return "The caller is taken to bills and payments."

    def show_menu(self) -> str:
        self.threads.append(threading.get_ident())
        return "The menu is open again."

    def send_digits(self, digits: str, mode: SendMode) -> str:
        self.threads.append(threading.get_ident())
        if not digits.isdecimal():
            raise ToolError("Those are no keys.")
        return f"Pressed by {mode}."

    def transfer_after_playout(self, to: str, reason: str) -> str:
        self.threads.append(threading.get_ident())
        if to not in ("", "desk"):
            raise ToolError("There is no such place; there are: desk.")
        return f"The caller is put through: {reason}"

    def switch_language(self, language: Language) -> str:
        self.threads.append(threading.get_ident())
        return f"The call goes on in {language}."
