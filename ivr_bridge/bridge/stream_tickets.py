"""The streams that are due: announced with a token, an agent dialled for them meanwhile, and taken back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ivr_bridge.bridge.admission import choose_agent
from ivr_bridge.bridge.kept_agents import KeptAgents
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgents
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.telemetry import events
from ivr_bridge.twilio.call_desk import ConnectStream, IncomingCall
from ivr_bridge.twilio.stream_token import StreamTokens


class StreamTickets:
    """One for the process.

    Args:
        calls: now running.
        parked: agents that wait for a stream.
        kept: agents whose stream is over.
        worker: the name of this process.
        retries: how often in a call a lost stream is asked for again.
        tokens: of streams that were announced.
        switchboard: dials agents.
        in_background: does what the answer does not wait for.
    """

    __slots__ = (
        "_calls", "_in_background", "_kept", "_parked", "_retries", "_switchboard", "_tokens", "_worker",
    )  # fmt: skip

    def __init__(
        self,
        *,
        calls: LiveCalls,
        parked: ParkedAgents,
        kept: KeptAgents,
        worker: str,
        retries: int,
        tokens: StreamTokens,
        switchboard: Switchboard,
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._calls = calls
        self._parked = parked
        self._kept = kept
        self._worker = worker
        self._retries = retries
        self._tokens = tokens
        self._switchboard = switchboard
        self._in_background = in_background

    async def expect_stream(self, live: LiveCall) -> ConnectStream:
        """A stream of an admitted call is on its way, and an agent if the flow may want one."""
        self._calls.await_stream(live)
        choose_agent(live)
        kept = self._kept.expect(live)
        if live.journey.may_need_agent and not kept and not live.elsewhere:
            wanted = live.order
            self._parked.park(live.call_sid, lambda: self._switchboard.dial(live, wanted), live.log)
        return await self.ticket(live)

    async def ticket(self, live: LiveCall) -> ConnectStream:
        """The stream of an admitted call and its token, minted once however many ask at a time."""
        async with live.answering:
            if live.answer is None:
                token = await self._tokens.mint(live.call_sid, live.asked.account_sid)
                live.answer = ConnectStream(
                    token, live.spoken("not_available"), live.elsewhere.worker if live.elsewhere else self._worker
                )
            return live.answer

    async def retry(self, live: LiveCall) -> ConnectStream | None:
        """Another stream for a call that has lost its own, with a token of its own; None after too many.

        So also when Twilio could not open the one before; of that the token is void.
        """
        if live.reconnects >= self._retries:
            return None
        live.reconnects += 1
        if live.awaits_stream:
            if live.answer is not None:
                await self._forget_token(live.answer.token, live.asked)
            live.answer = None
        else:
            live.admit_again()
        answer = await self.expect_stream(live)
        agent = "kept" if self._kept.waits(live.call_sid) else "elsewhere" if live.elsewhere else "new"
        live.log.emit(events.STREAM_RETRIED, attempt=live.reconnects, of=self._retries, agent=agent)
        return answer

    async def send_digits(self, live: LiveCall) -> ConnectStream:
        """Another stream for a call that left its own to have keys pressed, which Twilio does before."""
        digits, live.journey.digits_due = live.journey.digits_due, ""
        if not digits:  # it was left at another worker, and no digits go through the store
            live.journey.news = "The keys could not be pressed."
        live.admit_again()
        answer = live.answer = replace(await self.expect_stream(live), digits=digits)
        return answer

    def call_over(self, live: LiveCall, termination: Termination) -> None:
        """End a call for good, wherever it stands: its token is void and the agent that waited for it is let go."""
        if live.answer is not None and live.awaits_stream:
            self._in_background(self._forget_token(live.answer.token, live.asked))
        if not live.elsewhere:
            self._parked.discard(live.call_sid, termination.code)
        self._calls.end(live, termination)

    def refused(self, live: LiveCall, termination: Termination) -> None:
        """End a call that was not let in: one that had a slot gives it back, of any other the account is written."""
        if self._calls.find(live.call_sid) is live:
            self.call_over(live, termination)
        else:
            live.write_account(termination, asyncio.get_running_loop().time())

    async def _forget_token(self, token: str, call: IncomingCall) -> None:
        """A token that nobody came with: used up, so that the store does not keep it until it expires."""
        await self._tokens.redeem(token, call.call_sid, call.account_sid)
