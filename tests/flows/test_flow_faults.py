from pathlib import Path

import pytest

from ivr_bridge.config_file import Document, Problem, load_document
from ivr_bridge.flows.flow_faults import KnownNames, faults, oddities
from ivr_bridge.flows.model import Flow

PROMPTS = ("disclosure", "no_input", "no_match", "connecting_person", "leave_message", "welcome", "main_menu")
KNOWN = KnownNames(("main", "other", "builtin"), PROMPTS, ("shop",))
END = "  end: {kind: hang_up}\n"


def documents(folder: Path, **texts: str) -> dict[str, Document[Flow]]:
    found = {}
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        found[name] = load_document(path, Flow)
    return found


def told(problems: list[Problem]) -> list[tuple[int, str, str]]:
    return [(each.line, each.place, f"{each.text}; {each.remedy}") for each in problems]


def found_in(folder: Path, text: str, known: KnownNames = KNOWN) -> list[tuple[int, str, str]]:
    return told(list(faults(documents(folder, main=text), known)))


@pytest.mark.parametrize(
    ("text", "line", "place", "what"),
    [
        ("start: begin\nnodes:\n" + END, 1, "start", "there is no node 'begin'; one of: end"),
        (
            "start: a\nnodes:\n  a:\n    kind: prompt\n    prompt: welcome\n    next: ende\n" + END,
            6, "nodes.a.next", "there is no node 'ende'; one of: end",
        ),
        (
            "start: a\nnodes:\n  a:\n    kind: menu\n    prompt: main_menu\n    options:\n      book:\n        key: 1\n"
            "        says: book\n        next: nowhere\n    otherwise: end\n" + END,
            10, "nodes.a.options.book.next", "there is no node 'nowhere'; one of: a, end",
        ),
        (
            "start: a\nnodes:\n  a:\n    kind: menu\n    no_input: huh\n    prompt: main_menu\n    options:\n"
            "      book: {key: 1, says: book, next: end}\n    otherwise: end\n" + END,
            5, "nodes.a.no_input", "there is no prompt 'huh'; one of: connecting_person, disclosure",
        ),
        ("start: a\nnodes:\n  a: {kind: agent, next: x}\n", 3, "nodes.a.next", "there is no node 'x'; one of: a"),
        (
            "start: a\nnodes:\n  a: {kind: prompt, prompt: wellcome, next: end}\n" + END,
            3, "nodes.a.prompt", "there is no prompt 'wellcome'; one of: welcome",
        ),
        (
            "start: a\nnodes:\n  a: {kind: voicemail, prompt: none}\n",
            3, "nodes.a.prompt", "there is no prompt 'none'",
        ),
        (
            "start: a\nnodes:\n  a:\n    kind: hours\n    hours: shops\n    open: end\n    closed: end\n" + END,
            5, "nodes.a.hours", "there is no calendar of hours.yaml 'shops'; one of: shop",
        ),
        (
            "start: a\nnodes:\n  a:\n    kind: hours\n    hours: shop\n    open: end\n    closed: end\n"
            "    holiday: x\n" + END,
            8, "nodes.a.holiday", "there is no node 'x'; one of: a, end",
        ),
        (
            "start: a\nnodes:\n  a:\n    kind: flow\n    flow: another\n",
            5, "nodes.a.flow", "there is no flow 'another'; one of: other",
        ),
        ("start: a\ndisclosure: x\nnodes:\n  a: {kind: agent}\n", 2, "disclosure", "there is no prompt 'x'"),
        (
            "start: a\nrecording: {announce: x, keep_days: 3}\nnodes:\n  a: {kind: agent}\n",
            2, "recording.announce", "there is no prompt 'x'",
        ),
        ("start: a\n\ngreeting: x\nnodes:\n  a: {kind: agent}\n", 3, "greeting", "there is no prompt 'x'"),
        ("start: a\nperson: a\nnodes:\n  a: {kind: agent}\n", 2, "person", "'a' is a node of kind agent, and"),
        ("start: a\nperson: x\nnodes:\n  a: {kind: agent}\n", 2, "person", "there is no node 'x'; write a"),
        (
            "start: a\nladder:\n  - kind: retry\n  - kind: menu\n    node: a\nnodes:\n  a: {kind: agent}\n",
            5, "ladder.1.node", "'a' is a node of kind agent, and menu is needed",
        ),
        (
            "start: a\nladder:\n  - {kind: person, node: end}\nnodes:\n  a: {kind: agent}\n" + END,
            3, "ladder.0.node", "'end' is a node of kind hang_up, and transfer is needed",
        ),
        (
            "start: a\nladder:\n  - {kind: voicemail, node: gone}\nnodes:\n  a: {kind: agent}\n"
            "  box: {kind: voicemail}\n",
            3, "ladder.0.node", "there is no node 'gone'; one of: box",
        ),
        (
            "start: a\nladder:\n  - kind: apology\n  - kind: retry\nnodes:\n  a: {kind: agent}\n",
            3, "ladder.0", "ends the call, so the rungs after it never come; put it last",
        ),
        (
            "start: a\nnodes:\n  a: {kind: prompt, prompt: welcome, next: b}\n"
            "  b: {kind: prompt, prompt: welcome, next: a}\n",
            3, "nodes.a", "who does nothing goes round for ever: a -> b -> a; lead one of these on",
        ),
        (
            "start: b\nnodes:\n  end: {kind: hang_up}\n  b: {kind: set, variable: x, value: x, next: b}\n",
            4, "nodes.b", "nobody hears anything and it goes round for ever: b -> b",
        ),
    ],
)  # fmt: skip
def test_each_fault_has_its_line(tmp_path: Path, text: str, line: int, place: str, what: str):
    (problem,) = found_in(tmp_path, text)
    assert problem[:2] == (line, place)
    assert problem[2].startswith(what)


def test_nothing_is_said_of_what_could_not_be_read(tmp_path: Path):
    text = "start: a\nnodes:\n  a: {kind: hours, hours: gone, open: b, closed: b}\n  b: {kind: hang_up, prompt: gone}\n"
    assert len(found_in(tmp_path, text)) == 2
    assert found_in(tmp_path, text, KnownNames(("main",), None, None)) == []


def test_all_that_a_flow_may_say_is_fine(tmp_path: Path):
    text = (
        "start: a\nperson: p\ngreeting: agent\nladder:\n  - {kind: menu, node: a}\n  - {kind: person, node: p}\n"
        "  - {kind: voicemail, node: v}\n  - kind: apology\nnodes:\n"
        "  a: {kind: menu, prompt: main_menu, otherwise: v, options: {own: {key: 0, says: own, next: p}}}\n"
        "  p: {kind: transfer, number: '+15550100', failed: v}\n  v: {kind: voicemail}\n"
    )
    assert found_in(tmp_path, text) == []


def test_a_number_begins_in_one_place(tmp_path: Path):
    made = documents(
        tmp_path,
        main="numbers: ['+1*', '*']\nstart: a\nnodes:\n  a: {kind: agent}\n",
        other="start: a\nnumbers:\n  - '+15'\n  - sip:Desk@*\n  - '+1*'\n  - sip:desk@*\nnodes:\n  a: {kind: agent}\n",
    )
    assert told(list(faults(made, KNOWN))) == [
        (5, "numbers.2", f"'+1*' begins at {tmp_path / 'main.yaml'}:1 already; remove one of the two"),
        (6, "numbers.3", f"'sip:desk@*' begins at {tmp_path / 'other.yaml'}:4 already; remove one of the two"),
    ]


def test_a_trap_through_two_flows_is_told_where_it_begins(tmp_path: Path):
    made = documents(
        tmp_path,
        main="start: a\nnodes:\n\n  a: {kind: flow, flow: other}\n",
        other="start: b\nnodes:\n  b: {kind: flow, flow: main}\n",
    )
    (problem,) = faults(made, KNOWN)
    assert (problem.file, problem.line) == (str(tmp_path / "main.yaml"), 4)
    assert "a -> other.b -> a" in problem


def test_long_lists_of_names_are_cut(tmp_path: Path):
    nodes = "".join(f"  n{number}: {{kind: hang_up}}\n" for number in range(30))
    (problem,) = found_in(tmp_path, "start: zzz\nnodes:\n" + nodes)
    assert problem[2].count(",") == 12
    assert problem[2].endswith(", ...")


# Warnings


def odd(folder: Path, environ: dict[str, str] | None = None, **texts: str) -> list[tuple[str, int, str, str]]:
    problems = list(oddities(documents(folder, **texts), environ or {}))
    assert all(each.severity == "warning" for each in problems)
    return [(Path(each.file).stem, each.line, each.place, each.text) for each in problems]


def test_a_flow_that_does_not_say_what_it_is(tmp_path: Path):
    text = "numbers: ['*']\ndisclosure: false\nstart: a\nnodes:\n  a: {kind: agent}\n"
    (problem,) = odd(tmp_path, main=text)
    assert problem == ("main", 2, "disclosure", "callers are not told that they speak with a machine")


def test_nodes_and_flows_that_nothing_leads_to(tmp_path: Path):
    text = "numbers: ['*']\nstart: a\nnodes:\n  a: {kind: flow, flow: two}\n  lost: {kind: agent}\n"
    talk = "start: a\nnodes:\n  a: {kind: agent}\n"
    leads = "start: a\nnodes:\n  a: {kind: flow, flow: three}\n"
    assert odd(tmp_path, one=text, two=talk, three=talk, four=leads) == [
        ("one", 5, "nodes.lost", "nothing leads here"),
        ("three", 1, "numbers", "no call comes here"),
        ("four", 1, "numbers", "no call comes here"),
    ]


def test_what_the_environment_lacks(tmp_path: Path):
    text = (
        "numbers: ['*']\nstart: a\nnodes:\n"
        "  a:\n    kind: http\n    url: https://example.com\n    headers:\n"
        "      Authorization: Bearer ${TOKEN} ${MORE}\n"
        "      X-Api-Key: abc\n      Accept: text/plain\n    next: p\n    failed: p\n"
        "  p: {kind: transfer, number: '${SOMEBODY}', failed: q}\n"
        "  q: {kind: transfer, number: '+15550100', failed: v}\n  v: {kind: voicemail}\n"
    )
    assert odd(tmp_path, main=text) == [
        ("main", 8, "nodes.a.headers.Authorization", "TOKEN is not set"),
        ("main", 8, "nodes.a.headers.Authorization", "MORE is not set"),
        ("main", 9, "nodes.a.headers.X-Api-Key", "a secret does not belong into a file"),
        ("main", 13, "nodes.p.number", "SOMEBODY is not set, so nobody is called"),
    ]
    environ = {"TOKEN": "x", "MORE": "y", "SOMEBODY": "+1555"}
    assert [line for _, line, _, _ in odd(tmp_path, environ, main=text)] == [9]
    assert len(odd(tmp_path, environ | {"SOMEBODY": ""}, main=text)) == 2


WARM = (
    "numbers: ['*']\nstart: p\nnodes:\n"
    "  p:\n    kind: transfer\n    numbers: ['${NIGHT}', '+15550100']\n    mode: warm\n    caller_id: ${SHOWN}\n"
    "    failed: v\n  v: {kind: voicemail}\n"
)


def test_what_a_list_of_numbers_and_a_warm_transfer_lack(tmp_path: Path):
    assert odd(tmp_path, main=WARM) == [
        ("main", 6, "nodes.p.numbers.0", "NIGHT is not set, so nobody is called"),
        ("main", 8, "nodes.p.caller_id", "SHOWN is not set, so it is left to Twilio"),
        ("main", 7, "nodes.p.mode", "a warm transfer needs Twilio's REST API; without it this one is made cold"),
    ]


@pytest.mark.parametrize(
    ("environ", "warns"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}, False),
        ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_API_KEY_SID": "SK1", "TWILIO_API_KEY_SECRET": "s"}, False),
        ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_API_KEY_SID": "SK1"}, True),
        ({"TWILIO_AUTH_TOKEN": "t"}, True),
    ],
)
def test_who_may_ask_twilio(tmp_path: Path, environ: dict[str, str], warns: bool):
    told = [line for _, line, _, _ in odd(tmp_path, {**environ, "NIGHT": "+1555", "SHOWN": "+1555"}, main=WARM)]
    assert told == [7] * warns


CALLBACK = "start: a\nnodes:\n  a:\n    kind: callback\n    next: end\n    otherwise: end\n" + END
SAID = ("callback_offer", "callback_confirm", "callback_number", "callback_confirmed")
WORDS = KnownNames(KNOWN.flows, (*PROMPTS, *SAID, *(f"digit_{digit}" for digit in range(10))), KNOWN.calendars)


def test_a_callback_needs_its_words_and_a_flow_that_is_there(tmp_path: Path):
    assert found_in(tmp_path, CALLBACK, WORDS) == []
    unread = KnownNames(KNOWN.flows, (*PROMPTS, *SAID, "digit_1"), KNOWN.calendars)
    [(line, place, what)] = found_in(tmp_path, CALLBACK, unread)
    assert (line, place) == (3, "nodes.a")
    assert what.startswith("a number is read out by prompts, and there is no 'digit_0'; write digit_0, digit_2,")
    elsewhere = CALLBACK.replace("kind: callback\n", "kind: callback\n    flow: nowhere\n    confirmed: thanks\n")
    told_of = {place for _, place, _ in found_in(tmp_path, elsewhere, WORDS)}
    assert told_of == {"nodes.a.flow", "nodes.a.confirmed"}


def test_what_outbound_calls_name(tmp_path: Path):
    text = "outbound:\n  machine: nothing\n  hours: nights\nstart: end\nnodes:\n" + END
    assert [(line, place) for line, place, _ in found_in(tmp_path, text)] == [
        (2, "outbound.machine"),
        (3, "outbound.hours"),
    ]
    fine = "outbound: {machine: hang_up, hours: shop}\nstart: end\nnodes:\n" + END
    assert found_in(tmp_path, fine) == []


@pytest.mark.parametrize(
    ("environ", "warns"),
    [
        ({}, True),
        ({"OUTBOUND_CALLER_ID": "+15550100"}, True),
        ({"OUTBOUND_CALLER_ID": "+15550100", "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}, False),
    ],
)
def test_a_server_that_can_call_nobody_back(tmp_path: Path, environ: dict[str, str], warns: bool):
    found = told(list(oddities(documents(tmp_path, main="numbers: ['*']\n" + CALLBACK), environ)))
    assert [place for _, place, _ in found] == ["nodes.a"] * warns


def test_a_flow_that_is_only_called_into_is_led_to(tmp_path: Path):
    called = "outbound: {}\nstart: end\nnodes:\n" + END
    back = "numbers: ['*']\n" + CALLBACK.replace("kind: callback\n", "kind: callback\n    flow: third\n")
    known = {"OUTBOUND_CALLER_ID": "+15550100", "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}
    flows = documents(tmp_path, main=back, other=called, third="start: end\nnodes:\n" + END)
    assert told(list(oddities(flows, known))) == []
