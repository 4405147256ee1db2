"""One call for each way a flow can end one, and for what a flow does on the way; lived through in flow_calls.py."""

import json
from pathlib import Path

import pytest
import yaml

from ivr_bridge.bridge.termination import Termination
from ivr_bridge.simulator.service.phrasebook import LINES
from ivr_bridge.simulator.service.voices import VOICES
from tests.calls.conftest import Once
from tests.calls.house import CONFIG, PlacedCall, mouth, prompt_text, said_by_agent
from tests.calls.listening import found_at_ms
from tests.support.flow_calls import ACCOUNT, COLLEAGUE, PIN, PROMPTS, SPANISH, Lived, live_through_all

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> Lived:
    made: Lived = once("flow_endings", lambda folder: live_through_all(folder, rendered))
    return made


def said(text: str, language: str = "en") -> bytes:
    """How the agent of the sandbox, and every prompt, says this."""
    return mouth().speak(text, VOICES["SandboxClara00000001"], language=language).pcm16


def nodes(call: PlacedCall) -> list[str]:
    return [fields["node"] for fields in call.named("node.entered")]


@pytest.mark.parametrize(
    ("name", "termination"),
    [
        ("hang up", Termination.FLOW_ENDED),
        ("person", Termination.TRANSFERRED),
        ("nobody answers", Termination.VOICEMAIL_LEFT),
        ("recorder", Termination.VOICEMAIL_LEFT),
        ("nothing said", Termination.VOICEMAIL_LEFT),
        ("pin", Termination.CALLER_HUNG_UP),
        ("account", Termination.CALLER_HUNG_UP),
        ("tongue", Termination.CALLER_HUNG_UP),
        ("lookup", Termination.FLOW_ENDED),
        ("guarded", Termination.FLOW_ENDED),
        ("vendor", Termination.VENDOR_TOOK_OVER),
        ("keys", Termination.FLOW_ENDED),
        ("by speech", Termination.CALLER_HUNG_UP),
        ("before", Termination.FLOW_ENDED),
        ("after", Termination.FLOW_ENDED),
        ("after a broken file", Termination.FLOW_ENDED),
    ],
)
def test_the_termination(lived: Lived, name: str, termination: Termination) -> None:
    call = lived.calls[name]
    assert (call.reason, call.ended["result"], call.ended["by"]) == (
        termination.code,
        termination.result,
        termination.by,
    )
    assert call.is_freed, "its slot is still taken"
    assert call.report.violations == []
    assert [event.name for event in call.events].count("call.ended") == 1


def test_every_call_is_tested(lived: Lived) -> None:
    assert len(lived.calls) == 16


@pytest.mark.parametrize(
    ("name", "prompts", "last_words"),
    [
        ("hang up", ["goodbye"], prompt_text("goodbye")),
        ("person", ["connecting_person"], prompt_text("connecting_person")),
        ("recorder", ["leave_message"], prompt_text("leave_message")),
        ("lookup", ["known"], PROMPTS["known"]),
        ("guarded", ["unknown"], PROMPTS["unknown"]),
        ("keys", ["keys_only", "keys_only", "goodbye"], prompt_text("goodbye")),
        ("before", ["old_menu", "old_farewell"], PROMPTS["old_farewell"]),
        ("after", ["new_farewell"], PROMPTS["new_farewell"]),
        ("after a broken file", ["new_farewell"], PROMPTS["new_farewell"]),
    ],
)
def test_the_prompts_and_the_last_one_is_heard_whole(
    lived: Lived, name: str, prompts: list[str], last_words: str
) -> None:
    call = lived.calls[name]
    assert call.prompts == prompts
    assert len(found_at_ms(said_by_agent(last_words), call.report.heard_pcm16)) == 1
    assert call.told_by_network == [], "not said twice"


def test_a_person_is_dialled_and_talked_with(lived: Lived) -> None:
    call = lived.calls["person"]
    assert nodes(call) == ["talk", "person"]
    assert (call.report.dialled, call.report.dial_statuses) == ([COLLEAGUE], ["completed"])
    assert call.named("call.handed_over")[0]["where"] == "person"
    assert (call.report.result, call.report.reason) == ("completed", "transferred")


def test_where_nobody_answers_a_message_is_taken(lived: Lived) -> None:
    call = lived.calls["nobody answers"]
    assert nodes(call) == ["talk", "person", "message"]
    assert call.report.dial_statuses == ["no-answer"]
    assert call.told_by_network == [prompt_text("leave_message")], "there is no stream that could say it"
    assert [fields["where"] for fields in call.named("call.handed_over")] == ["person", "voicemail"]


def test_each_message_has_a_line_and_no_other_call_has(lived: Lived) -> None:
    calls = [lived.calls[name] for name in ("nobody answers", "recorder")]
    taken = {call.report.call_sid: call.report.recordings[0].sid for call in calls}
    assert {line["call_sid"]: line["recording_sid"] for line in lived.voicemails} == taken
    assert len(lived.voicemails) == 2
    for line in lived.voicemails:
        assert line["caller"] == "+15550100001"
        assert line["recording_url"].endswith(line["recording_sid"])
        assert line["duration_s"] >= 1
        assert line["recorded_at"]
    assert [len(call.named("voicemail.taken")) for call in calls] == [1, 1]


def test_who_says_nothing_after_the_tone_is_thanked(lived: Lived) -> None:
    call = lived.calls["nothing said"]
    assert call.report.recordings == []
    assert call.named("voicemail.taken") == []
    assert call.told_by_network == [prompt_text("goodbye")]


def test_the_vendor_takes_over(lived: Lived) -> None:
    call = lived.calls["vendor"]
    assert [(rung["rung"], rung["cause"]) for rung in call.named("rung.climbed")] == [("register_call", "lost")]
    assert call.told_by_network == [LINES["en"].greeting, LINES["en"].farewell]
    assert call.named("call.handed_over")[0]["where"] == "vendor"


def test_without_an_agent_the_ladder_leads_to_keys(lived: Lived) -> None:
    call = lived.calls["keys"]
    assert [rung["rung"] for rung in call.named("rung.climbed")] == ["menu"]
    assert [fields["option"] for fields in call.named("option.chosen")] == ["again", "end"]
    assert nodes(call) == ["talk", "keys", "bye"]


def test_a_secret_number_is_shown_to_nobody(lived: Lived) -> None:
    """Neither in the log, nor in the call's feed, nor to the agent."""
    call = lived.calls["pin"]
    (collected,) = call.named("digits.collected")
    assert (collected["n_digits"], collected["sensitive"]) == (len(PIN), True)
    assert PIN not in lived.log
    assert PIN not in "".join(str(event.fields) for event in call.events)
    assert PIN not in "".join(fields["pii.digit"] for fields in call.named("caller.keyed")), "key by key"
    assert PIN not in str(lived.conversations["well"])


def test_the_agent_hears_nothing_while_a_secret_number_is_keyed_in(lived: Lived) -> None:
    heard = lived.calls["pin"].texts("caller")
    assert "is there parking" not in heard
    assert heard[-1] == "what are your opening hours", "and hears the caller again afterwards"
    assert lived.calls["account"].texts("caller")[0] == "is there parking", "where it is no secret"


def test_a_number_is_told_to_the_agent_once_and_masked_in_the_log(lived: Lived) -> None:
    call = lived.calls["account"]
    (collected,) = call.named("digits.collected")
    assert (collected["pii.digits"], collected["sensitive"]) == (ACCOUNT, False)
    transcripts = [words for each in lived.conversations["well"] for words in each["transcripts"]]
    assert transcripts.count(f"My number is {ACCOUNT}.") == 1
    assert ACCOUNT not in lived.log
    keyed = [json.loads(line) for line in lived.log.splitlines() if '"caller.keyed"' in line]
    assert {line["pii.digit"] for line in keyed} == {"[1 chars]"}


def test_a_language_chosen_by_key_is_spoken_by_prompts_and_agent(lived: Lived) -> None:
    call = lived.calls["tongue"]
    assert [(fields["language"], fields["by"]) for fields in call.named("language.changed")] == [("es", "flow")]
    closed = yaml.safe_load((CONFIG / "prompts" / "es.yaml").read_text())["prompts"]["closed_now"]
    assert [(one["prompt"], one["language"]) for one in call.named("prompt.played")][-1] == ("closed_now", "es")
    assert len(found_at_ms(said(closed, "es"), call.report.heard_pcm16)) == 1
    spanish = {LINES["es"].greeting, LINES["es"].sorry, *LINES["es"].ask.values()}
    assert any(call.texts("agent")[-1].startswith(words) for words in spanish), call.texts("agent")
    assert [each["language"] for each in lived.conversations["well"]].count("es") == 1


def test_a_language_that_is_heard_brings_a_new_conversation(lived: Lived) -> None:
    """It is told what was said so far, and answers what was asked, in the language in which it was asked."""
    call = lived.calls["by speech"]
    first, second = lived.conversations["spanish"]
    assert (first["language"], second["language"]) == ("en", "es")
    (told,) = second["context"]
    assert told["context_id"] == "transcript"
    assert SPANISH in told["text"]
    assert [(fields["language"], fields["by"]) for fields in call.named("language.changed")] == [("es", "speech")]
    answer = LINES["es"].answers["hours"]
    assert call.texts("agent")[-1] == answer
    assert len(found_at_ms(said(answer, "es"), call.report.heard_pcm16)) == 1
    assert found_at_ms(said(LINES["es"].greeting, "es"), call.report.heard_pcm16) == [], "nobody is greeted twice"


def test_a_service_is_asked_while_the_caller_is_kept_company(lived: Lived) -> None:
    call = lived.calls["lookup"]
    assert lived.asked == ["/customers/+15550100001"]
    assert nodes(call) == ["ask", "known"]
    assert call.named("http.asked")[0]["status"] == 200
    assert [fields["why"].split(":")[0] for fields in call.named("filler.played")] == ["http"]


def test_an_address_of_our_own_is_not_asked_unless_it_is_allowed(lived: Lived) -> None:
    call = lived.calls["guarded"]
    assert nodes(call) == ["ask", "unknown"]
    assert len(call.named("http.failed")) == 1


def test_a_changed_file_is_for_new_calls_and_a_broken_one_for_none(lived: Lived) -> None:
    assert nodes(lived.calls["before"]) == ["menu", "old"]
    lines = [json.loads(line) for line in lived.log.splitlines()]
    whys = [line["why"] for line in lines if line["event"] == "config.loaded" and line["why"] != "start"]
    assert len(whys) == 1
    assert "desk.yaml" in whys[0]
    refused = [line for line in lines if line["event"] == "config.refused"]
    assert refused
    assert all("desk.yaml" in line["problems"][0] for line in refused)
    assert all("nowhere" in line["problems"][0] for line in refused)
