import pytest

from ivr_bridge.flows.calling_back import digit_prompts, is_number, keyed_number
from ivr_bridge.flows.moves import (
    CallbackKept,
    HangUp,
    KeyPressed,
    MachineAnswered,
    PromiseCallback,
    PromptsPlayed,
    StopPlaying,
    StreamResumed,
    TimePassed,
)
from tests.flows.line import Line, flow, said

OWN, OWN_DIGITS = "+15550101", tuple(f"digit_{digit}" for digit in "15550101")
NODE = {"kind": "callback", "next": "thanks", "otherwise": "bye", "tries": 2}
REST = {"thanks": {"kind": "prompt", "prompt": "thanks", "next": "bye"}}
OFFER = said("callback_offer", *OWN_DIGITS, "callback_confirm")


def line(caller: str = OWN, **node: object) -> Line:
    return Line(flow({"back": {**NODE, **node}, **REST}), variables={"caller": caller})


def begun(caller: str = OWN, **node: object) -> Line:
    made = line(caller, **node)
    made.begin()
    made.give(PromptsPlayed())
    return made


def keyed(call: Line, digits: str) -> tuple[object, ...]:
    """What is done after the last one of these keys."""
    done: tuple[object, ...] = ()
    for digit in digits:
        done = call.give(KeyPressed(digit))
    return done


def test_the_own_number_is_read_back_and_promised_before_anything_is_said() -> None:
    call = line()
    assert call.begin() == (OFFER,)
    assert call.give(KeyPressed("1")) == (StopPlaying(), PromiseCallback(OWN, "main"))
    assert call.state.waiting == "callback"
    assert call.give(KeyPressed("1")) == (), "once is enough"
    assert call.give(CallbackKept(True)) == (said("callback_confirmed"),)
    assert call.give(PromptsPlayed()) == (said("thanks"),)
    assert call.where == "thanks"


def test_what_could_not_be_kept_is_not_confirmed() -> None:
    call = begun()
    call.give(KeyPressed("1"))
    assert call.give(CallbackKept(False)) == (said("goodbye", then_report=False), HangUp())


def test_another_number_is_keyed_in_and_read_back() -> None:
    call = begun(prefix="+44", flow="main")
    assert call.give(KeyPressed("2")) == (said("callback_number"),)
    assert call.give(KeyPressed("0")) == (StopPlaying(),)
    read_back = said("callback_offer", *digit_prompts("+442079460"), "callback_confirm")
    assert keyed(call, "2079460#") == (read_back,)
    assert call.give(KeyPressed("1")) == (StopPlaying(), PromiseCallback("+442079460", "main"))


def test_a_withheld_number_is_asked_for_at_once() -> None:
    call = line("anonymous")
    assert call.begin() == (said("callback_number"),)
    keyed(call, "15550177")
    call.let_due()
    assert call.state.variables["callback_number"] == "+15550177"


def test_what_is_no_number_is_asked_again_and_then_given_up() -> None:
    call = begun("anonymous")
    assert keyed(call, "12#") == (said("no_match", "callback_number"),)
    assert keyed(call, "12#")[-1] == HangUp()


def test_without_a_key_it_is_said_again_and_then_given_up() -> None:
    call = begun()
    assert call.let_due() == (said("no_input", "callback_offer", *OWN_DIGITS, "callback_confirm"),)
    assert call.state.due_at is None, "nothing is due before the prompt was heard"
    call.give(PromptsPlayed())
    assert call.let_due()[-1] == HangUp()


def test_a_key_that_means_nothing_counts_as_a_try() -> None:
    call = begun()
    assert call.give(KeyPressed("7")) == (said("no_match", "callback_offer", *OWN_DIGITS, "callback_confirm"),)
    assert call.give(KeyPressed("7"))[-1] == HangUp()


def test_another_stream_asks_again() -> None:
    call = begun()
    call.give(KeyPressed("1"))
    assert call.give(StreamResumed()) == (OFFER,)
    assert call.give(CallbackKept(True)) == (), "of the stream before"


def test_the_longest_number_is_complete_by_itself() -> None:
    call = begun("anonymous")
    assert keyed(call, "0" * 18) == (said("no_match", "callback_number"),)


@pytest.mark.parametrize(
    ("digits", "prefix", "number"),
    [
        ("15550177", "", "+15550177"),
        ("0015550177", "", "+15550177"),
        ("0015550177", "+44", "+15550177"),
        ("02079460", "+44", "+442079460"),
        ("123", "", None),
        ("0123456789", "", None),
        ("", "", None),
        ("1" * 16, "", None),
    ],
)
def test_keyed_numbers(digits: str, prefix: str, number: str | None) -> None:
    assert keyed_number(digits, prefix) == number


def test_what_can_be_called() -> None:
    assert is_number("+15550101")
    assert not any(map(is_number, ("anonymous", "15550101", "+0155501", "sip:a@b", "", "+1555010a")))


def test_a_machine_ends_the_call_wherever_it_stands() -> None:
    call = begun()
    assert call.give(MachineAnswered("message")) == (said("message", then_report=False), HangUp("machine"))
    assert call.give(KeyPressed("1")) == ()
    assert begun().give(MachineAnswered(None)) == (StopPlaying(), HangUp("machine"))
    early = line()
    assert early.give(MachineAnswered("message"))[-1] == HangUp("machine")
    assert early.give(TimePassed()) == ()
