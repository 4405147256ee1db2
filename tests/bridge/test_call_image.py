"""What the store keeps of a call: written and read again as it was, without sensitive digits."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ivr_bridge.bridge.call_image import CallImage, read, sensitive_variables, without_secrets, written
from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.moves import FlowState, TakeVoicemail, Transfer
from ivr_bridge.twilio.call_desk import IncomingCall

ASKED = IncomingCall("CA1", "AC1", "+15550100001", "+15550100002", "inbound", "in-progress", variables={"ticket": "7"})
PLACE = FlowState(
    "main", "pin", "es", {"caller": "+15550100001", "pin": "73915846", "order": "A-12"}, began=True, waiting="digits",
    due_at=12.5, tries=2, digits="739", last_menu=("main", "menu"), spoken=True,
)  # fmt: skip
IMAGE = CallImage("one", "run-1", 3, CallState.STREAMING, ASKED, PLACE, datetime(2026, 3, 1, 8, 15, tzinfo=UTC))


def flow(**nodes: dict[str, Any]) -> Flow:
    bye = {"kind": "hang_up", "prompt": "goodbye"}
    return Flow.model_validate({"numbers": ["*"], "start": "bye", "nodes": {"bye": bye, **nodes}})


def digits(variable: str, *, sensitive: bool) -> dict[str, Any]:
    return {
        "kind": "digits",
        "prompt": "ask_account",
        "variable": variable,
        "sensitive": sensitive,
        "next": "bye",
        "otherwise": "bye",
    }


@pytest.mark.parametrize(
    "image",
    [
        IMAGE,
        replace(
            IMAGE,
            state=CallState.AWAY,
            transcript=(("Caller", "Hello?"), ("You", "Hello."), ("You, heard by nobody", "Still there?")),
            left_out=True,
            transfer=Transfer("+15550109999", 20, mode="warm", headers={"X-Order": "7"}, whisper="It is about A-12."),
            said_on_leaving=True,
            ended_as="transferred",
            reconnects=2,
            rungs={"main": 1},
            agent_language="es",
            conversation_id="conv_1",
            streams=2,
        ),
        replace(IMAGE, voicemail=TakeVoicemail("leave_message", 60), vendors_twiml="<Response/>", news="Nobody came."),
    ],
)
def test_it_comes_back_as_it_was(image: CallImage) -> None:
    assert read(written(image)) == image


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"\xff", b'{"worker": 1}', written(IMAGE)[:-9]])
def test_what_is_no_image_says_nothing(text: bytes) -> None:
    assert read(text) is None


def test_what_another_version_adds_is_passed_over() -> None:
    told = orjson.loads(written(IMAGE))
    told["of tomorrow"], told["flow"]["of tomorrow"] = 1, 2
    assert read(orjson.dumps(told)) == IMAGE


def test_it_is_small() -> None:
    spoken = tuple((("Caller", "You")[n % 2], "word " * 20) for n in range(40))
    assert len(written(replace(IMAGE, transcript=spoken))) < 8192  # type: ignore[arg-type]


def test_which_variables_are_sensitive() -> None:
    flows = [
        flow(a=digits("account", sensitive=False), b=digits("pin", sensitive=True)),
        flow(c=digits("card", sensitive=True)),
    ]
    assert sensitive_variables(flows) == {"pin", "card"}


def test_sensitive_digits_are_nowhere_in_what_is_written() -> None:
    image = replace(
        IMAGE,
        flow=replace(PLACE, variables={**PLACE.variables, "copy": "pin=73915846", "account": "4711"}),
        transcript=(
            ("Caller", "It is 7 3 9 1 5 8 4 6."),
            ("You", "73915846, is that right? Or 7391-5846?"),
            ("Caller", "Yes, and my account is 4711."),
        ),
        transfer=Transfer("+1", whisper="PIN 73915846", headers={"X-Pin": "73915846"}),
    )
    kept = without_secrets(image, frozenset({"pin", "never_asked"}))
    text = written(kept).decode()
    for hidden in ("73915846", "7 3 9 1 5 8 4 6", "7391-5846", '"739"', "12.5"):
        assert hidden not in text, hidden
    assert kept.flow.variables == {"caller": "+15550100001", "order": "A-12", "copy": "pin=********", "account": "4711"}
    assert [line for _, line in kept.transcript] == [
        "It is ********.",
        "********, is that right? Or ********?",
        "Yes, and my account is 4711.",
    ]


def test_without_sensitive_variables_only_what_is_being_keyed_in_is_left_out() -> None:
    assert without_secrets(IMAGE, frozenset()) == replace(IMAGE, flow=replace(PLACE, digits="", due_at=None))


def test_a_short_number_does_not_hide_every_digit_of_a_call() -> None:
    image = replace(IMAGE, flow=replace(PLACE, variables={"pin": "1"}), transcript=(("You", "Table 1 at 11."),))
    kept = without_secrets(image, frozenset({"pin"}))
    assert (kept.flow.variables, kept.transcript) == ({}, (("You", "Table 1 at 11."),))


def test_its_words_and_numbers_show_in_no_traceback() -> None:
    shown = repr(replace(IMAGE, transcript=(("Caller", "a secret"),)))
    assert "73915846" not in shown
    assert "a secret" not in shown
    assert "+15550100001" not in shown
