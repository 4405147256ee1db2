import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.flows.template import fill, fill_env, fill_header, fill_json, fill_url

KNOWN = {"name": "Ana", "n": "7", "odd": "{n} ${KEY} {{n}}", "empty": ""}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Hello {name}!", "Hello Ana!"),
        ("{name}{n}", "Ana7"),
        ("{unknown}", ""),
        ("{empty}.", "."),
        ("{{name}}", "{name}"),
        ("{{{name}}}", "{Ana}"),
        ("{odd}", "{n} ${KEY} {{n}}"),
        ("{name!r}", "{name!r}"),
        ("{name:>9}", "{name:>9}"),
        ("{name.__class__}", "{name.__class__}"),
        ("{name[0]}", "{name[0]}"),
        ("{0} {} { } {Name}", "{0} {} { } {Name}"),
        ("{name", "{name"),
        ("name}", "name}"),
        ("$ {n}", "$ 7"),
    ],
)
def test_fill(template: str, text: str) -> None:
    assert fill(template, KNOWN) == text


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b_1"]), st.text()))
def test_fill_never_fails_and_text_without_braces_is_itself(text: str, variables: dict[str, str]) -> None:
    fill(text, variables)
    plain = text.replace("{", "").replace("}", "")
    assert fill(plain, variables) == plain


@given(st.text())
def test_a_value_is_never_a_template(value: str) -> None:
    assert fill("<{a}>", {"a": value, "b": "!"}) == f"<{value}>"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a b", "a%20b"),
        ("a/../b", "a%2F..%2Fb"),
        ("x&admin=1#?", "x%26admin%3D1%23%3F"),
        ("..", ""),
        (".", ""),
        ("1.5", "1.5"),
        ("ñ", "%C3%B1"),
        ("@evil.example:80", "%40evil.example%3A80"),
    ],
)
def test_a_value_in_a_url_stays_one_value(value: str, encoded: str) -> None:
    assert fill_url("https://shop.example/o/{v}/x?q={v}", {"v": value}) == (
        f"https://shop.example/o/{encoded}/x?q={encoded}"
    )


def test_a_url_of_odd_letters_does_not_fail() -> None:
    assert fill_url("https://shop.example/{v}", {"v": "\x00\n"}) == "https://shop.example/%00%0A"


def test_fill_json_fills_each_string_and_keeps_the_shape() -> None:
    tree = {"who": "{name}", "{n}": [1, True, None, "{n}", {"deep": ["{{x}}"]}], "f": 1.5}
    assert fill_json(tree, KNOWN) == {"who": "Ana", "{n}": [1, True, None, "7", {"deep": ["{x}"]}], "f": 1.5}
    assert tree["who"] == "{name}", "the node's own tree is left as it was"
    assert fill_json(("{n}",), KNOWN) == ["7"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda t: st.lists(t) | st.dictionaries(st.text(), t)
    )
)
def test_fill_json_gives_json(tree: object) -> None:
    json.dumps(fill_json(tree, KNOWN))


def test_fill_env() -> None:
    environ = {"NUMBER": "+15550100", "EMPTY": ""}
    assert fill_env("${NUMBER}", environ) == "+15550100"
    assert fill_env("a${EMPTY}b${UNSET}c", environ) == "abc"
    assert fill_env("$NUMBER {NUMBER} ${number}", environ) == "$NUMBER {NUMBER} ${number}"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Bearer ${KEY}", "Bearer s{n}cret"),
        ("{name} ${KEY}", "Ana s{n}cret"),
        ("{odd}", "{n} ${KEY} {{n}}"),
        ("${UNSET}{unknown}", ""),
        ("{{n}}", "{n}"),
        ("{line}", "ab: c"),
        ("${LINE}", "xy"),
    ],
)
def test_a_header_takes_both_in_one_pass(template: str, text: str) -> None:
    environ = {"KEY": "s{n}cret", "LINE": "x\r\ny"}
    assert fill_header(template, {**KNOWN, "line": "a\r\nb: c"}, environ) == text
