"""A call that remembers from which threads it was hung up."""

import threading

from ivr_bridge.tools.context import CallInfo

INFO = CallInfo("CA1", "+15550100001", "+15550100002", "2026-11-21T10:00:00+00:00", 12.5, "en", "conv_1")


class Control:
    call_sid = "CA1"

    def __init__(self) -> None:
        self.threads: list[int] = []

    def info(self) -> CallInfo:
        return INFO

    def hang_up_after_playout(self) -> None:
        self.threads.append(threading.get_ident())
