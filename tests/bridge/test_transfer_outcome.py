"""What came of putting a caller through."""

from typing import get_args

import pytest

from ivr_bridge.bridge.transfer_outcome import BY_STATUS, Outcome, TransferOutcome, outcome_of_dial, talked
from tests.support.front_desk import incoming


def of_dial(dial_status: str, status: str = "in-progress", **more: object) -> TransferOutcome:
    call = incoming(status=status, dial_status=dial_status, **more)  # type: ignore[arg-type]
    return outcome_of_dial(call, 10)


@pytest.mark.parametrize(
    ("dial_status", "outcome"),
    [
        ("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed"), ("canceled", "canceled"),
        ("answered", "answered"), ("completed", "answered"), ("something new", "failed"),
    ],
)  # fmt: skip
def test_what_twilio_says_while_the_caller_is_there(dial_status: str, outcome: str) -> None:
    found = of_dial(dial_status)
    assert (found.outcome, found.talked_s) == (outcome, 0)
    assert found.reached is found.spoken is (outcome == "answered")


@pytest.mark.parametrize("dial_status", ["", "busy", "no-answer", "canceled"])
def test_a_caller_who_hung_up_before(dial_status: str) -> None:
    assert of_dial(dial_status, "completed") == TransferOutcome("caller_gone")


@pytest.mark.parametrize("status", ["in-progress", "completed"])
@pytest.mark.parametrize(("seconds", "outcome"), [(0, "broken"), (9, "broken"), (10, "answered"), (600, "answered")])
def test_green_but_broken(status: str, seconds: int, outcome: str) -> None:
    found = of_dial("completed", status, dial_duration_s=seconds)
    assert (found.outcome, found.talked_s, found.reached, found.spoken) == (
        outcome, seconds, True, outcome == "answered",
    )  # fmt: skip


def test_a_person_who_answered_and_never_met_the_caller_has_declined() -> None:
    found = of_dial("completed", dial_duration_s=20, dial_bridged=False)
    assert (found.outcome, found.reached) == ("declined", False)


def test_nobody_counts_as_broken_where_it_is_switched_off() -> None:
    assert talked(0, 0).outcome == "answered"


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_the_agent_is_told_of_it_without_a_number(outcome: Outcome) -> None:
    news = TransferOutcome(outcome, 3).news
    assert news.endswith(".")
    assert ("did not work" in news) is (outcome != "answered")


def test_every_end_of_a_persons_call_is_known() -> None:
    assert set(BY_STATUS) == {"busy", "no-answer", "failed", "canceled", "completed"}
    assert set(BY_STATUS.values()) <= set(get_args(Outcome))
