"""How a call stands while it goes on: who ended what, and so what its report will say."""

from __future__ import annotations

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Ending
from ivr_bridge.simulator.phone.stream_leg import StreamEnd


class Standing:
    """One call's result and reason, settled in its log; the last word counts."""

    def __init__(self, log: CallLog) -> None:
        self.ending: Ending | None = None
        """Why the person hung up, if they did."""
        self._log = log
        self._last_stream: StreamEnd | None = None

    def stream_ended(self, end: StreamEnd) -> None:
        """Note how."""
        self._last_stream = end
        self._log.close_code = end.close_code
        self._log.note("stream_ended", f"by {end.by} {end.close_code or ''} {end.problem}".rstrip())

    def served(self) -> None:
        """Words after a lost stream: the caller was told, so the call failed but was not cut off."""
        last = self._last_stream
        if not self._log.reason and last and last.close_code != 1000:
            self._log.settle("failed", "stream_lost")

    def settle_end(self) -> None:
        """The network hangs up: how does the call stand? A failure that was settled before stays."""
        log, last = self._log, self._last_stream
        if self._settle_service() or log.reason:
            return
        if last is None:
            log.settle("refused", "turned_away")
        elif last.close_code == 1000:
            log.settle("completed", "agent_hung_up")
        else:
            log.settle("cut_off", "stream_lost")

    def settle_person(self) -> None:
        """A person who hung up: their reason stands above whatever the webhooks answered after it.

        A call that had failed before, outside a stream, has failed all the same.
        """
        ending, last = self.ending, self._last_stream
        if ending is None or self._settle_service():
            return
        if ending.result == "failed" or not self._log.reason or (last is not None and last.ending):
            self._log.settle(ending.result, ending.reason)

    def _settle_service(self) -> bool:
        """Whether a person or a recorder served the caller: then that is how the call stands."""
        if {"completed", "answered"} & set(self._log.dial_statuses):
            self._log.settle("completed", "transferred")
            return True
        if self._log.recordings:
            self._log.settle("completed", "voicemail_left")
            return True
        return False
