"""What a flow's file may say, and what an operator reads who has written something else."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ivr_bridge.config_file import load
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.model import (
    AgentNode,
    ApologyRung,
    DigitsNode,
    Flow,
    LanguageNode,
    MenuNode,
    Node,
    RetryRung,
    TransferNode,
    VoicemailNode,
)

BYE = "  bye:\n    kind: hang_up\n"


def menu(**more: Any) -> dict[str, Any]:
    options = {"talk": {"key": 1, "says": "talk", "next": "bye"}}
    return {"kind": "menu", "prompt": "main_menu", "options": options, "otherwise": "bye", **more}


def flow(**more: Any) -> Flow:
    return Flow.model_validate({"start": "bye", "nodes": {"bye": {"kind": "hang_up"}}, **more})


def problems(tmp_path: Path, text: str) -> list[str]:
    """What `check` would say, from the line on."""
    path = tmp_path / "main.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, Flow)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def of_node(tmp_path: Path, *lines: str) -> list[str]:
    """The problems of a node whose first line is the fourth of its file."""
    body = "".join(f"    {line}\n" for line in lines)
    return problems(tmp_path, "start: bye\nnodes:\n  x:\n" + body + BYE)


# What is not said


def test_a_flow_discloses_retries_and_apologises_unless_it_says_otherwise() -> None:
    made = flow()
    assert made.disclosure == "disclosure"
    assert made.ladder == [RetryRung(kind="retry"), ApologyRung(kind="apology")]
    assert (made.numbers, made.language, made.person, made.switch, made.follow_language) == (
        [],
        None,
        None,
        "agent",
        True,
    )
    assert flow(disclosure=False).disclosure is False


def test_the_patience_of_nodes() -> None:
    made = MenuNode.model_validate(menu())
    assert (made.agent, made.tries, made.wait_s, made.no_input, made.no_match) == (True, 3, 5.0, "no_input", "no_match")
    digits = DigitsNode(kind="digits", prompt="p", variable="v", next="a", otherwise="b")
    assert (digits.min_digits, digits.max_digits, digits.terminator, digits.sensitive) == (1, 20, "#", False)
    assert TransferNode(kind="transfer", number="+15550100", failed="a").ring_s == 25
    assert VoicemailNode(kind="voicemail") == VoicemailNode(kind="voicemail", prompt="leave_message", max_s=120)
    assert AgentNode(kind="agent").next is None


def test_every_kind_of_node_is_known_by_one_word() -> None:
    kinds = [get_args(each.model_fields["kind"].annotation)[0] for each in get_args(get_args(Node)[0])]
    assert sorted(kinds) == sorted(set(kinds))
    assert set(kinds) == {
        "prompt", "menu", "agent", "digits", "hours", "language", "set", "condition", "http", "transfer", "voicemail",
        "hang_up", "flow", "callback",
    }  # fmt: skip


def test_a_flow_is_never_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        flow().start = "other"  # type: ignore[misc]


# Keys and numbers


@pytest.mark.parametrize(("written", "key"), [(1, "1"), (0, "0"), ("7", "7"), ("*", "*"), ("#", "#")])
def test_a_key_needs_quotes_only_where_yaml_does(written: object, key: str) -> None:
    made = MenuNode.model_validate(menu(options={"a": {"key": written, "says": "a", "next": "bye"}}))
    assert made.options["a"].key == key


@pytest.mark.parametrize("written", [10, -1, "a", "", "10", True, 1.0, None])
def test_what_no_telephone_has_is_no_key(written: object) -> None:
    with pytest.raises(ValidationError):
        MenuNode.model_validate(menu(options={"a": {"key": written, "says": "a", "next": "bye"}}))


@pytest.mark.parametrize("pattern", ["+15550100", "+1555*", "*", "15550100", "sip:desk@*", "client:bob", "anonymous"])
def test_numbers_and_their_beginnings(pattern: str) -> None:
    assert flow(numbers=[pattern]).numbers == [pattern]


@pytest.mark.parametrize("pattern", ["", "+1555 0100", "+1*55", "**", "555-0100", "*55"])
def test_what_is_no_number(pattern: str) -> None:
    with pytest.raises(ValidationError):
        flow(numbers=[pattern])


@pytest.mark.parametrize("number", ["+15550100", "sip:desk@h.example", "sips:desk@h.example", "${FALLBACK_NUMBER}"])
def test_whom_a_transfer_may_reach(number: str) -> None:
    assert TransferNode(kind="transfer", number=number, failed="a").number == number


@pytest.mark.parametrize("number", ["15550100", "+0123456", "${lower}", "sip:a b", "+1", "", "+15550100\n", "{caller}"])
def test_whom_it_may_not(number: str) -> None:
    with pytest.raises(ValidationError):
        TransferNode(kind="transfer", number=number, failed="a")


# What an operator reads


def test_an_unknown_kind_names_all_there_are(tmp_path: Path) -> None:
    [problem] = of_node(tmp_path, "kind: meny")
    assert problem.startswith("4: nodes.x.kind: unknown 'meny'; one of: prompt, menu, agent, digits")


def test_a_node_without_a_kind(tmp_path: Path) -> None:
    [problem] = of_node(tmp_path, "prompt: a")
    assert problem.startswith("3: nodes.x.kind: Field required; one of: prompt, menu")


def test_an_unknown_key_names_those_of_this_kind(tmp_path: Path) -> None:
    assert of_node(tmp_path, "kind: prompt", "promt: a", "next: bye") == [
        "3: nodes.x.prompt: Field required",
        "5: nodes.x.promt: unknown; one of: kind, prompt, next",
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["kind: prompt", "prompt: Hello There", "next: bye"],
         "5: nodes.x.prompt: should be small letters, digits and `_`, a letter first"),
        (["kind: transfer", "number: 555 0100", "failed: bye"],
         "5: nodes.x.number: should be a number such as '+15550100', a SIP address, or ${NAME} of the environment"),
        (["kind: transfer", "number: '+15550100'", "ring_s: 2", "failed: bye"],
         "6: nodes.x.ring_s: Input should be greater than or equal to 5"),
        (["kind: digits", "prompt: a", "variable: v", "min_digits: 5", "max_digits: 4", "next: bye", "otherwise: bye"],
         "7: nodes.x.min_digits: is more than max_digits"),
        (["kind: digits", "prompt: a", "variable: v", "sensitive: true", "tell_agent: '{v}'", "next: bye",
          "otherwise: bye"],
         "8: nodes.x.tell_agent: sensitive digits are not told to the agent; remove one of the two"),
        (["kind: condition", "variable: v", "matches: '('", "then: bye", "otherwise: bye"],
         "6: nodes.x.matches: is no regular expression: missing ), unterminated subpattern at position 0"),
        (["kind: condition", "variable: v", "then: bye", "otherwise: bye"],
         "3: nodes.x: needs exactly one of equals, one_of, matches"),
        (["kind: condition", "variable: v", "equals: a", "one_of: [a]", "then: bye", "otherwise: bye"],
         "3: nodes.x: needs exactly one of equals, one_of, matches"),
        (["kind: language", "next: bye"],
         "3: nodes.x: needs either `language`, or `prompt` and `options` (key: language)"),
        (["kind: language", "language: es", "prompt: a", "options: {1: en}", "next: bye"],
         "3: nodes.x: needs either `language`, or `prompt` and `options` (key: language)"),
        (["kind: voicemail", "max_s: 2"], "5: nodes.x.max_s: Input should be greater than or equal to 5"),
        (["kind: http", "url: https://h", "timeout_s: 31", "next: bye", "failed: bye"],
         "6: nodes.x.timeout_s: Input should be less than or equal to 30"),
        (["kind: agent", "language: fr"], "5: nodes.x.language: Input should be 'en', 'es' or 'zh'"),
    ],
)  # fmt: skip
def test_line_place_and_what_was_expected(tmp_path: Path, lines: list[str], said: str) -> None:
    assert of_node(tmp_path, *lines) == [said]


def test_one_key_for_two_options(tmp_path: Path) -> None:
    option = "{key: 1, says: s, next: bye}"
    found = of_node(
        tmp_path, "kind: menu", "prompt: a", "otherwise: bye", "options:", f"  a: {option}", f"  b: {option}"
    )
    assert found == ["7: nodes.x.options: key 1 leads to more than one option"]


def test_a_menu_without_an_option(tmp_path: Path) -> None:
    [problem] = of_node(tmp_path, "kind: menu", "prompt: a", "otherwise: bye", "options: {}")
    assert problem.startswith("7: nodes.x.options: ")
    assert "at least 1" in problem


def test_a_number_without_quotes_and_one_that_is_none(tmp_path: Path) -> None:
    found = problems(tmp_path, 'numbers: [15550100, "+1 555"]\nstart: bye\nnodes:\n' + BYE)
    assert found == [
        "1: numbers.0: Input should be a valid string; put it in quotes",
        "1: numbers.1: should be a number such as '+15550100', its beginning such as '+1555*', or '*' for all",
    ]


def test_the_rungs_of_a_ladder(tmp_path: Path) -> None:
    ladder = "ladder:\n  - kind: agent\n  - kind: person\n  - kind: pray\n  - kind: retry\n"
    assert problems(tmp_path, ladder + "start: bye\nnodes:\n" + BYE) == [
        "2: ladder.0: needs agent_id or base_url: else it is the agent that has just failed",
        "3: ladder.1.node: Field required",
        "4: ladder.2.kind: unknown 'pray'; one of: retry, agent, register_call, menu, person, voicemail, apology",
    ]


def test_a_flow_with_nothing_in_it(tmp_path: Path) -> None:
    assert [each.split(": ", 1)[1] for each in problems(tmp_path, "numbers: []\n")] == [
        "start: Field required",
        "nodes: Field required",
    ]
    [problem] = problems(tmp_path, "start: a\nnodes: {}\n")
    assert problem.startswith("2: nodes: ")


def test_all_faults_of_a_file_at_once(tmp_path: Path) -> None:
    text = "language: fr\nstart: Bye\nswitch: often\nnodes:\n  X:\n    kind: hang_up\n  y:\n    kind: flow\n"
    assert [each.split(": ")[:2] for each in problems(tmp_path, text)] == [
        ["1", "language"],
        ["2", "start"],
        ["3", "switch"],
        ["5", "nodes.X"],
        ["7", "nodes.y.flow"],
    ]


# Languages


def test_a_language_node_sets_or_asks() -> None:
    assert LanguageNode(kind="language", language="es", next="a").prompt is None
    asks = LanguageNode.model_validate({"kind": "language", "prompt": "p", "options": {1: "en", 2: "es"}, "next": "a"})
    assert asks.options == {"1": "en", "2": "es"}


def test_what_a_call_that_we_make_may_meet() -> None:
    assert flow().outbound is None
    made = flow(outbound={})
    assert made.outbound is not None
    assert (made.outbound.machine, made.outbound.hours) == ("hang_up", None)
