from pathlib import Path

import pytest

from ivr_bridge.config_file import Problem
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.flow_book import BUILTIN, BUILTIN_FLOW, FlowBook, check_flow_book, read_flow_book
from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.reach import traps
from ivr_bridge.speech.prompt_file import read_prompt_files

OURS = Path(__file__).parents[2] / "config"
PROMPTS = ("disclosure", "no_input", "no_match", "connecting_person", "leave_message", "welcome")
TALK = "start: a\nnodes:\n  a: {kind: agent}\n"


def answering(*numbers: str) -> Flow:
    return Flow.model_validate({"numbers": list(numbers), "start": "a", "nodes": {"a": {"kind": "agent"}}})


def config(folder: Path, **files: str) -> Path:
    """`hours` is hours.yaml, everything else a flow."""
    (folder / "flows").mkdir()
    for name, text in files.items():
        path = folder / "hours.yaml" if name == "hours" else folder / "flows" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path) -> list[str]:
    """The problems without the folder's own path."""
    with pytest.raises(ConfigError) as caught:
        read_flow_book(folder, PROMPTS)
    assert all(isinstance(each, Problem) for each in caught.value.problems)
    return [each.replace(f"{folder}/", "") for each in caught.value.problems]


# Which flow


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("+15550100", "exact"),
        ("+15550101", "near"),
        ("+15550199", "near"),
        ("+15551", "far"),
        ("+44", "all"),
        ("", "all"),
        ("sip:desk@example.com", "desk"),
        ("SIP:Desk@example.com", "desk"),
        ("client:alice", "all"),
    ],
)
def test_the_longest_pattern_wins_and_an_exact_number_beats_it(called: str, name: str):
    flows = {
        "all": answering("*"),
        "far": answering("+1555*"),
        "near": answering("+1999", "+155501*"),
        "longest": answering("+15550100*"),
        "exact": answering("+15550100"),
        "desk": answering("sip:desk@*"),
    }
    assert FlowBook(flows, {}).flow_for(called) == name
    assert FlowBook(dict(reversed(flows.items())), {}).flow_for(called) == name


def test_a_number_that_no_flow_names_gets_the_agent():
    book = FlowBook({"far": answering("+1555*")}, {})
    assert book.flow_for("+44") == BUILTIN
    assert book.flows[BUILTIN] is BUILTIN_FLOW
    assert (BUILTIN_FLOW.disclosure, BUILTIN_FLOW.numbers) == (False, [])
    assert BUILTIN_FLOW.nodes[BUILTIN_FLOW.start].kind == "agent"


def test_a_book_cannot_be_changed():
    book = FlowBook({}, {})
    with pytest.raises(TypeError):
        book.flows["x"] = BUILTIN_FLOW  # type: ignore[index]


# Reading


def test_no_folder_and_an_empty_one_are_fine(tmp_path: Path):
    assert list(read_flow_book(tmp_path, ()).flows) == [BUILTIN]
    (tmp_path / "flows").mkdir()
    assert list(read_flow_book(tmp_path, ()).flows) == [BUILTIN]


def test_flows_and_hours_are_read(tmp_path: Path):
    shop = 'numbers: ["*"]\nstart: a\nnodes:\n  a: {kind: hours, hours: shop, open: b, closed: b}\n  b: {kind: agent}\n'
    folder = config(tmp_path, hours="hours: {shop: {time_zone: UTC, week: {}}}\n", shop=shop, other=TALK)
    (tmp_path / "flows" / ".#shop.yaml").write_text("an editor's")
    (tmp_path / "flows" / "README.md").write_text("not a flow")
    book = read_flow_book(folder, PROMPTS)
    assert list(book.flows) == ["other", "shop", BUILTIN]
    assert book.flow_for("+1") == "shop"
    assert book.calendars["shop"].week == {}


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path):
    folder = config(
        tmp_path,
        hours="hours:\n  shop: {time_zone: Nowhere, week: {}}\n",
        broken="start: [\n",
        one="start: a\nnodes:\n  a: {kind: agnt}\n",
        two="start: b\nnodes:\n  a: {kind: prompt, prompt: welcom, next: c}\n  h: {kind: hang_up}\n",
    )
    found = refused(folder)
    assert [line.split(": ")[0] for line in found] == [
        "flows/broken.yaml:2", "flows/one.yaml:3", "hours.yaml:2",
        "flows/two.yaml:1", "flows/two.yaml:3", "flows/two.yaml:3",
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_not_told_of_twice(tmp_path: Path):
    folder = config(
        tmp_path,
        hours="hours: [\n",
        one="start: a\nnodes:\n  a: {kind: flow, flow: two}\n",
        two="start: {\n",
        three="start: a\nnodes:\n  a: {kind: hours, hours: shop, open: b, closed: b}\n  b: {kind: agent}\n",
    )
    assert [line.split(":")[0] for line in refused(folder)] == ["flows/two.yaml", "hours.yaml"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Main.yaml", "cannot be a flow's name"),
        ("front-desk.yaml", "cannot be a flow's name"),
        ("builtin.yaml", "cannot be a flow's name"),
        ("main.yml", "is not read; rename it to main.yaml"),
    ],
)
def test_names_of_files(tmp_path: Path, name: str, what: str):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / name).write_text(TALK)
    (problem,) = refused(tmp_path)
    assert problem.startswith(f"flows/{name}: ")
    assert what in problem


def test_a_flow_of_another_file_may_be_led_to(tmp_path: Path):
    folder = config(
        tmp_path,
        one="numbers: ['*']\nstart: a\nnodes:\n  a: {kind: flow, flow: two}\n  b: {kind: flow, flow: builtin}\n",
        two=TALK,
    )
    assert "two" in read_flow_book(folder, PROMPTS).flows


# Checking


def test_a_check_tells_errors_first_and_then_warnings(tmp_path: Path):
    folder = config(
        tmp_path,
        one="numbers: ['+1*']\ndisclosure: false\nstart: a\nnodes:\n  a: {kind: agent}\n"
        "  b: {kind: prompt, prompt: x, next: a}\n",
    )
    found = check_flow_book(folder, PROMPTS, {})
    assert [(each.severity, each.place) for each in found] == [
        ("error", "nodes.b.prompt"),
        ("warning", "disclosure"),
        ("warning", "nodes.b"),
        ("warning", ""),
    ]
    assert found[-1].file == str(tmp_path / "flows")
    assert [each.severity for each in check_flow_book(folder, None, {})] == ["warning"] * 3


def test_numbers_of_nobody_are_told_of(tmp_path: Path):
    (problem,) = check_flow_book(tmp_path, PROMPTS, {})
    assert "callers are not told" in problem
    folder = config(tmp_path, one=f'numbers: ["*"]\n{TALK}')
    assert check_flow_book(folder, PROMPTS, {}) == ()


def test_the_example_holds_its_own_rules():
    files = read_prompt_files(OURS / "prompts").values()
    prompts = set.intersection(*(set(file.prompts.by_name()) for file in files))
    book = read_flow_book(OURS, prompts)
    assert book.flow_for("+15550100002") == "main"
    assert book.flow_for("+15550100100") == "front_desk"
    assert check_flow_book(OURS, prompts, {"FALLBACK_NUMBER": "+15550100009"}) == ()
    unset = check_flow_book(OURS, prompts, {})
    assert {(each.severity, each.place) for each in unset} == {("warning", "nodes.person.number")}
    assert traps(book.flows) == ()
    for name in ("main", "front_desk"):
        assert [rung.kind for rung in book.flows[name].ladder] == ["retry", "menu", "person", "voicemail", "apology"]
        assert book.flows[name].disclosure == "disclosure"
