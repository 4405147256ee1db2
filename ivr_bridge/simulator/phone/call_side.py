"""What a verb may ask of the call that it runs in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, Ending
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_leg import NetworkLeg
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.webhooks import Webhooks


class CallSide(Protocol):
    """One call's leg, as `leg.Leg` is."""

    line: Line
    webhooks: Webhooks
    network: Network
    log: CallLog
    recording: Recording
    caller: Caller
    ear: NetworkLeg
    account: CallAccount

    @property
    def sid(self) -> str:
        """The CallSid."""
        ...

    def params(self, **more: str) -> dict[str, str]:
        """The parameters that every webhook of the call carries, and what this one adds."""
        ...

    async def ask(
        self, document: TwimlDocument, verb: Verb, address: str, reason: str, **more: str
    ) -> TwimlDocument | None:
        """The document at a verb's URL; None when there is none to go on with."""
        ...

    def hang_up(self, ending: Ending) -> None:
        """The person has hung up during a verb, before any action is asked."""
        ...

    def served(self) -> None:
        """Words or sound of the network's were heard."""
        ...

    def start_beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that goes on beside the verbs; the call is not over before it is."""
        ...
