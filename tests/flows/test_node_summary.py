from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ivr_bridge.flows.model import Node, Rung
from ivr_bridge.flows.node_summary import columns_of, detail_of, first_words, prompt_of, rung_words, words_of, wrapped

MENU = {"prompt": "p", "options": {"a": {"key": "1", "says": "x", "next": "n"}}, "otherwise": "n"}
KEPT = "4 digits into pin, kept from the agent"
DIGITS = {"prompt": "p", "variable": "pin", "next": "n", "otherwise": "n"}


def node(kind: str, **fields: Any) -> Node:
    read: Node = TypeAdapter(Node).validate_python({"kind": kind, **fields})
    return read


@pytest.mark.parametrize(
    ("a_node", "detail"),
    [
        (node("prompt", prompt="p", next="n"), ""),
        (node("menu", **MENU), ""),
        (node("menu", agent=False, **MENU), "digits only"),
        (node("agent"), ""),
        (node("agent", agent_id="agent_x", language="es", told="Books\n it."), "agent_x, es, told: Books it."),
        (node("digits", min_digits=4, max_digits=8, **DIGITS), "4 to 8 digits into pin"),
        (node("digits", min_digits=4, max_digits=4, sensitive=True, **DIGITS), KEPT),
        (node("hours", hours="shop", open="a", closed="b"), "shop"),
        (node("language", language="es", next="n"), "es"),
        (node("language", prompt="p", options={"1": "en", "2": "zh"}, next="n"), "1 en, 2 zh"),
        (node("set", variable="x", value="1 {caller}", next="n"), "x = 1 {caller}"),
        (node("condition", variable="x", equals="a", then="a", otherwise="b"), "x is 'a'"),
        (node("condition", variable="x", one_of=["a", "b"], then="a", otherwise="b"), "x is one of a, b"),
        (node("condition", variable="x", matches="[0-9]+", then="a", otherwise="b"), "x fits [0-9]+"),
        (node("http", url="https://a.example/x", next="a", failed="b"), "GET https://a.example/x"),
        (node("transfer", number="+4930123456", failed="a"), "+4930123456, rings 25 s"),
        (
            node("transfer", numbers=["+4930123456", "sip:a@h.example"], mode="warm", failed="a"),
            "warm, +4930123456, then sip:a@h.example, rings 25 s",
        ),
        (node("voicemail"), "up to 120 s"),
        (node("voicemail", record="twilio"), "up to 120 s, recorded by Twilio"),
        (node("hang_up"), ""),
        (node("flow", flow="other"), "goes on in other"),
    ],
    ids=lambda value: value.kind if not isinstance(value, str) else value[:12],
)  # fmt: skip
def test_detail(a_node: Node, detail: str):
    assert detail_of(a_node) == detail


def test_words():
    assert prompt_of(node("voicemail")) == "leave_message"
    assert words_of(node("voicemail"), {"leave_message": "Speak\n now."}) == "Speak now."
    assert words_of(node("voicemail"), {}) == "leave_message"
    assert prompt_of(node("hang_up")) is None
    assert words_of(node("hang_up"), {}) == ""
    assert words_of(node("agent"), {}) == ""


@pytest.mark.parametrize(
    ("rung", "words"),
    [
        ({"kind": "retry"}, "retry"),
        ({"kind": "agent", "agent_id": "b"}, "agent b"),
        ({"kind": "agent", "base_url": "https://b.example"}, "agent at https://b.example"),
        ({"kind": "agent", "agent_id": "b", "base_url": "https://b.example"}, "agent b at https://b.example"),
        ({"kind": "register_call"}, "register call"),
        ({"kind": "person", "node": "desk"}, "person"),
    ],
)
def test_rungs(rung: dict[str, str], words: str):
    assert rung_words(TypeAdapter(Rung).validate_python(rung)) == words


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("one, two three", 6, "one…"),
        ("unbreakable", 5, "unbr…"),
        ("a unbreakable", 6, "a unb…"),
        ("中文请按三", 10, "中文请按三"),
        ("中文请按三", 9, "中文请按…"),
        ("中文请按三", 8, "中文请…"),
        ("", 3, ""),
    ],
)
def test_first_words(text: str, columns: int, cut: str):
    assert first_words(text, columns) == cut


def test_wrapped():
    assert wrapped("for our opening hours press one", 12, 2) == ("for our", "opening…")
    assert wrapped("for our opening hours press one", 13, 3) == ("for our", "opening hours", "press one")
    assert wrapped("", 12, 2) == ()
    assert wrapped("中文请按三", 4, 3) == ("中文", "请按", "三")


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(2, 30), st.integers(1, 4))
def test_nothing_is_wider_than_it_may(text: str, columns: int, rows: int):
    lines = wrapped(text, columns, rows)
    assert len(lines) <= rows
    assert all(columns_of(line) <= columns for line in lines)
    if not any(line.endswith("…") for line in lines) and rows == 4:
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_columns():
    assert columns_of("abc") == 3
    assert columns_of("中a") == 3
    assert columns_of("e\u0301") == 1
