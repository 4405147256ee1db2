"""A transfer from its beginning to its end, as the log and the account tell of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ivr_bridge.bridge.transfer_outcome import TransferOutcome
from ivr_bridge.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr_bridge.bridge.account import CallAccount
    from ivr_bridge.flows.moves import Transfer
    from ivr_bridge.telemetry.log import Log


class TransferUnderWay:
    """Made when Twilio is told to reach the person; `ended` once, by whoever learns of it first.

    Args:
        transfer: where to.
        account: of the call.
        log: of the call.
        begun: whether it begins now; False when another worker has begun it and its end is seen here.
        let_go: of a warm one: the call has ended without the caller having come back, so nobody may go on calling
            the person; None: it is made cold.
    """

    __slots__ = ("_account", "_let_go", "_log", "_over", "kind", "transfer")

    def __init__(
        self,
        transfer: Transfer,
        *,
        account: CallAccount,
        log: Log,
        let_go: Callable[[], None] | None = None,
        begun: bool = True,
    ) -> None:
        self.transfer = transfer
        self.kind = "warm" if let_go is not None else "cold"
        self._account = account
        self._log = log
        self._let_go = let_go
        self._over = asyncio.Event()
        if begun:
            log.emit(events.TRANSFER_BEGUN, kind=self.kind, node=transfer.node, pii={"to_number": transfer.number})

    def is_of(self, transfer: Transfer | None) -> bool:
        """Whether it is the same one, of which another worker may know less."""
        return transfer is not None and (transfer.node, transfer.number) == (self.transfer.node, self.transfer.number)

    def ended(self, outcome: TransferOutcome) -> None:
        """Tell how it ended; only the first time counts."""
        if self._over.is_set():
            return
        self._over.set()
        broken = outcome.outcome == "broken"
        self._account.transfers += 1
        self._account.transfers_broken += broken
        self._log.emit(
            events.TRANSFER_ENDED,
            kind=self.kind,
            node=self.transfer.node,
            outcome=outcome.outcome,
            talked_s=outcome.talked_s,
            broken=broken,
            pii={"to_number": self.transfer.number},
        )
        if broken:
            self._log.emit(events.TRANSFER_BROKEN, kind=self.kind, node=self.transfer.node, talked_s=outcome.talked_s)

    def call_over(self) -> None:
        """The call has ended, and nobody said what became of the transfer; harmless when somebody did."""
        if not self._over.is_set():
            self.ended(TransferOutcome("unknown"))
            if self._let_go is not None:
                self._let_go()

    def ended_elsewhere(self) -> None:
        """Another worker has seen its end, and has told."""
        self._over.set()

    async def over_within(self, due_s: float) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        try:
            async with asyncio.timeout(due_s):
                await self._over.wait()
        except TimeoutError:
            return False
        return True
