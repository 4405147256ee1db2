"""What the log and the account tell of a transfer."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.transfer_outcome import TransferOutcome
from ivr_bridge.bridge.transfer_under_way import TransferUnderWay
from ivr_bridge.flows.moves import Transfer
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

WHERE = Transfer("+15550100", node="person")


@pytest.fixture
def logs() -> Any:
    with capture_logs() as lines:
        yield lines


def under_way(account: CallAccount | None = None, **more: Any) -> TransferUnderWay:
    return TransferUnderWay(WHERE, account=account or CallAccount(0.0), log=Log(), **more)


def names(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]


def test_its_beginning_and_its_end(logs: list[Any]) -> None:
    account = CallAccount(0.0)
    under_way(account).ended(TransferOutcome("answered", 42.0))
    [begun, ended] = logs
    assert (begun["event"], begun["kind"], begun["node"]) == ("transfer.begun", "cold", "person")
    assert (ended["event"], ended["outcome"], ended["talked_s"], ended["broken"]) == (
        "transfer.ended", "answered", 42.0, False,
    )  # fmt: skip
    assert begun["pii.to_number"] == ended["pii.to_number"] == "+15550100", "a number is for records, not for the log"
    assert (account.transfers, account.transfers_broken) == (1, 0)


def test_green_but_broken_is_counted_and_warned_of(logs: list[Any]) -> None:
    account = CallAccount(0.0)
    under_way(account, let_go=lambda: None).ended(TransferOutcome("broken", 2.0))
    assert names(logs) == ["transfer.begun", "transfer.ended", "transfer.broken"]
    assert [line["kind"] for line in logs] == ["warm"] * 3
    assert (logs[1]["broken"], logs[2]["log_level"]) == (True, "warning")
    assert (account.transfers, account.transfers_broken) == (1, 1)


def test_only_the_first_end_counts(logs: list[Any]) -> None:
    let_go: list[int] = []
    transfer = under_way(let_go=lambda: let_go.append(1))
    transfer.ended(TransferOutcome("busy"))
    transfer.ended(TransferOutcome("answered"))
    transfer.call_over()
    assert names(logs) == ["transfer.begun", "transfer.ended"]
    assert let_go == []


def test_a_call_that_ends_meanwhile_calls_nobody_any_more(logs: list[Any]) -> None:
    let_go: list[int] = []
    under_way(let_go=lambda: let_go.append(1)).call_over()
    assert let_go == [1]
    assert logs[-1]["outcome"] == "unknown"
    under_way().call_over()


def test_what_another_worker_has_begun_or_ended_is_told_there(logs: list[Any]) -> None:
    under_way(begun=False).ended(TransferOutcome("busy"))
    assert names(logs) == ["transfer.ended"]
    here = under_way()
    here.ended_elsewhere()
    here.call_over()
    assert names(logs) == ["transfer.ended", "transfer.begun"]


def test_another_workers_image_of_it_may_lack_words() -> None:
    here = under_way()
    assert here.is_of(Transfer("+15550100", node="person", whisper="***"))
    assert not here.is_of(Transfer("+15550101", node="person"))
    assert not here.is_of(None)


def test_its_end_can_be_waited_for() -> None:
    async def story() -> None:
        transfer = under_way()
        assert not await transfer.over_within(10)
        asyncio.get_running_loop().call_later(5, transfer.ended, TransferOutcome("busy"))
        assert await transfer.over_within(10)
        assert asyncio.get_running_loop().time() == 1015

    run_virtual(story())
