"""What Twilio is told after a stream, and where a flow goes on without one."""

from collections.abc import Sequence
from typing import Any, get_args

import pytest

from ivr_bridge.bridge import handing_over
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import LEAVINGS, Termination
from ivr_bridge.flows.model import AgentNode
from ivr_bridge.flows.moves import (
    Action,
    AskHttp,
    CloseMenu,
    MuteCaller,
    OpenMenu,
    Play,
    SetLanguage,
    StopPlaying,
    TakeVoicemail,
    TalkWithAgent,
    Transfer,
)
from ivr_bridge.flows.moves import HangUp as FlowHangUp
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import (
    Answer,
    AskToAccept,
    ConnectStream,
    DialNumber,
    GatherKeys,
    HangUp,
    JoinRoom,
    RecordMessage,
    SayAndHangUp,
    Spoken,
    VendorsTwiml,
)
from tests.support.call_scene import JUST_THE_AGENT, journey

THANKS = Spoken("text of goodbye", "es")


def spoken(prompt: str) -> Spoken:
    return Spoken(f"text of {prompt}", "es")


@pytest.fixture
def way() -> Journey:
    return journey(JUST_THE_AGENT, Log())


def say(*prompts: str) -> Play:
    return Play(tuple((prompt, "es") for prompt in prompts), then_report=False)


# After a stream


def test_a_transfer_is_a_dial_without_words_since_they_were_heard_in_the_stream(way: Journey) -> None:
    way.leaving = Transfer("+15550100", 30)
    assert handing_over.leave(way, spoken) == DialNumber("+15550100", None, 30)


@pytest.mark.parametrize(("heard", "said"), [(True, None), (False, spoken("leave_message"))])
def test_a_voicemail_prompt_that_could_not_be_played_is_said_by_twilio(
    way: Journey, heard: bool, said: Spoken | None
) -> None:
    way.leaving, way.said_on_leaving = TakeVoicemail("leave_message", 90), heard
    assert handing_over.leave(way, spoken) == RecordMessage(said, THANKS, 90)


def test_the_vendors_route_passes_as_it_stands_whatever_else_was_wanted(way: Journey) -> None:
    way.vendors_twiml, way.leaving = "<Response>x</Response>", Transfer("+15550100")
    assert handing_over.leave(way, spoken) == VendorsTwiml("<Response>x</Response>")


def test_nothing_to_leave_for_is_the_end(way: Journey) -> None:
    assert handing_over.leave(way, spoken) == HangUp()


def test_everything_that_was_asked_for_goes_along(way: Journey) -> None:
    way.leaving = Transfer("sip:a@h", 30, caller_id="+15550199", headers={"X-A": "1"}, limit_s=600)
    assert handing_over.leave(way, spoken) == DialNumber("sip:a@h", None, 30, "+15550199", {"X-A": "1"}, 600)
    say_first = without(way, say("connecting"), way.leaving)
    assert say_first == DialNumber("sip:a@h", spoken("connecting"), 30, "+15550199", {"X-A": "1"}, 600)


# Without a stream


def without(way: Journey, *actions: Action) -> Answer | None:
    return handing_over.without_stream(way, actions, spoken)


def test_words_and_then_a_person(way: Journey) -> None:
    assert without(way, say("disclosure", "connecting_person"), Transfer("+15550100", 20)) == DialNumber(
        "+15550100", Spoken("text of disclosure text of connecting_person", "es"), 20
    )
    assert way.leaving == Transfer("+15550100", 20), "for when the dialling is over"


def test_a_person_without_a_word(way: Journey) -> None:
    assert without(way, Transfer("+15550100")) == DialNumber("+15550100", None, 25)


def test_words_and_then_the_recorder(way: Journey) -> None:
    asked = TakeVoicemail("leave_message", 60, "twilio")
    assert without(way, say("closed_now"), asked) == RecordMessage(
        Spoken("text of closed_now text of leave_message", "es"), THANKS, 60
    )
    assert way.leaving == asked
    assert without(way, asked) == RecordMessage(spoken("leave_message"), THANKS, 60)


def test_a_message_that_is_recorded_here_needs_a_stream(way: Journey) -> None:
    assert without(way, say("closed_now"), TakeVoicemail("leave_message", 60)) is None


def test_words_and_then_the_end(way: Journey) -> None:
    assert without(way, say("goodbye"), FlowHangUp()) == SayAndHangUp(spoken("goodbye"))
    assert without(way, FlowHangUp()) == HangUp()
    assert way.leaving is None


def test_a_flow_that_leads_nowhere_ends_with_an_apology(way: Journey) -> None:
    assert without(way, FlowHangUp("no_way_out")) == SayAndHangUp(spoken("sorry"))


@pytest.mark.parametrize("unheard", [StopPlaying(), CloseMenu(), MuteCaller(False), SetLanguage("es")])
def test_what_needs_no_sound_is_passed_over(way: Journey, unheard: Action) -> None:
    assert without(way, unheard, say("goodbye"), unheard, FlowHangUp()) == SayAndHangUp(spoken("goodbye"))


@pytest.mark.parametrize(
    "actions",
    [
        (Play((("main_menu", "es"),)),),
        (OpenMenu({}), Play((("main_menu", "es"),))),
        (TalkWithAgent(AgentNode(kind="agent"), greet=False),),
        (AskHttp("main", "look_up", "https://h.example", {}, None),),
        (say("disclosure"), TalkWithAgent(AgentNode(kind="agent"), greet=False)),
        (say("disclosure"),),
        (),
    ],
    ids=["a prompt to its end", "a menu", "an agent", "a service", "words and an agent", "words only", "nothing"],
)
def test_whatever_the_call_goes_on_with_needs_a_stream(way: Journey, actions: Sequence[Action]) -> None:
    assert without(way, *actions) is None
    assert way.leaving is None


# The table

ASKS_ON: set[Any] = {ConnectStream, AskToAccept, GatherKeys}
"""What is no way to leave a stream: another one, and questions in Twilio's voice."""


@pytest.mark.parametrize("kind", sorted(set(get_args(Answer)) - ASKS_ON, key=str))
def test_every_answer_but_a_stream_has_an_ending_and_a_name(kind: Any) -> None:
    assert handing_over.TERMINATIONS[kind] in {*LEAVINGS, Termination.FLOW_ENDED}
    examples: dict[Any, Answer] = {
        DialNumber: DialNumber("+1"),
        JoinRoom: JoinRoom("r"),
        RecordMessage: RecordMessage(None, THANKS, 1),
        VendorsTwiml: VendorsTwiml(""),
        HangUp: HangUp(),
        SayAndHangUp: SayAndHangUp(THANKS),
    }
    assert handing_over.name(examples[kind])


def test_what_goes_on_is_what_the_stream_was_left_for() -> None:
    goes_on = {DialNumber, JoinRoom, RecordMessage, VendorsTwiml}
    assert {handing_over.TERMINATIONS[kind] for kind in goes_on} | {Termination.SENDING_DIGITS} == LEAVINGS


def test_prompts_that_all_have_audio_are_played_one_behind_the_other(way: Journey) -> None:
    def recorded(prompt: str) -> Spoken:
        return Spoken(f"text of {prompt}", "es", () if prompt == "sorry" else (f"https://b.example/{prompt}.wav",))

    answer = handing_over.without_stream(way, [say("closed_now", "goodbye"), FlowHangUp()], recorded)
    assert isinstance(answer, SayAndHangUp)
    assert answer.spoken.audio_urls == ("https://b.example/closed_now.wav", "https://b.example/goodbye.wav")
    mixed = handing_over.without_stream(way, [say("closed_now"), FlowHangUp("no_way_out")], recorded)
    assert isinstance(mixed, SayAndHangUp)
    assert mixed.spoken == Spoken("text of closed_now text of sorry", "es"), "one voice says all of it"
