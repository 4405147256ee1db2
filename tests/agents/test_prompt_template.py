from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.agents.prompt_template import parse_template, read_template
from ivr_bridge.config_file import ConfigModel, load_document
from ivr_bridge.errors import ConfigError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def test_variables_are_filled_as_often_as_they_stand():
    template = parse_template("You are ${role} of ${company}. ${company}!", "p.md")
    assert template.variables == ("role", "company")
    assert template.render({"role": "the desk", "company": "Pulsara"}) == "You are the desk of Pulsara. Pulsara!"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("$5 and $ and $x and 5$", "$5 and $ and $x and 5$"),
        ("write $${name} so", "write ${name} so"),
        ("$$", "$$"),
        ("Hello {{caller_name}}, {{ a }}", "Hello {{caller_name}}, {{ a }}"),
        ("it costs ${{price}}", "it costs ${{price}}"),
        ('{"a": {"b": 1}} {x}', '{"a": {"b": 1}} {x}'),
        ("", ""),
    ],
)
def test_what_is_no_variable_is_text(text: str, rendered: str):
    template = parse_template(text, "p.md")
    assert template.variables == ()
    assert template.render({}) == rendered


def test_a_value_is_never_read_as_a_template():
    assert (
        parse_template("${a}${b}", "p").render({"a": "${b}", "b": "$${a} \\1 \\g<name>"}) == "${b}$${a} \\1 \\g<name>"
    )


def test_every_badly_written_hole_is_told_with_its_line():
    text = "fine ${a}\nan ${open\none ${Name}, ${}\nand ${a b} ${1a} ${a.b}\nlast ${"
    with pytest.raises(ConfigError) as told:
        parse_template(text, Path("desk.md"), first_line=3)
    assert [problem.partition(";")[0] for problem in told.value.problems] == [
        "desk.md:4: '${' is not closed by '}' on its line",
        "desk.md:5: ${Name} is no variable",
        "desk.md:5: ${} is no variable",
        "desk.md:6: ${a b} is no variable",
        "desk.md:6: ${1a} is no variable",
        "desk.md:6: ${a.b} is no variable",
        "desk.md:7: '${' is not closed by '}' on its line",
    ]


def test_variables_that_are_missing_and_too_many_are_told_together():
    template = parse_template("a\n${one}\n${two}", "desk.md")
    with pytest.raises(ConfigError) as told:
        template.render({"two": "2", "three": "3"})
    assert list(told.value.problems) == [
        "desk.md:2: ${one} has no value; give it one; there are: two, three",
        "desk.md:1: 'three' is used nowhere in desk.md; take it away, or write ${three} there",
    ]
    assert template.problems(["one", "two"]) == ()


def test_one_too_many_is_told_where_it_is_written(tmp_path: Path):
    class File(ConfigModel):
        prompt: dict[str, Any]

    path = tmp_path / "desk.yaml"
    path.write_text("prompt:\n  variables:\n    one: 1\n    other: 2\n")
    document = load_document(path, File)
    (problem,) = parse_template("${one}", "desk.md").problems(["one", "other"], document, ("prompt", "variables"))
    assert (problem.file, problem.line, problem.place) == (str(path), 4, "prompt.variables.other")


def test_a_file_is_read_without_the_white_space_around_it(tmp_path: Path):
    path = tmp_path / "desk.md"
    path.write_bytes("\ufeff\n\n  You are ${role}.\n\nBe ${mood}.\n\n".encode())
    template = read_template(path)
    assert template.render({"role": "x", "mood": "kind"}) == "You are x.\n\nBe kind."
    assert template.lines == {"role": 3, "mood": 5}


@pytest.mark.parametrize(
    ("content", "text"), [(b" \n", "is empty"), (b"\xff", "is not UTF-8"), (None, "cannot be read")]
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes | None, text: str):
    path = tmp_path / "desk.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=text):
        read_template(path)


@given(st.text("a${ \n}5"), NAMES, st.text())
def test_any_text_survives_when_its_holes_are_escaped(text: str, name: str, value: str):
    escaped = text.replace("${", "$${")
    assert parse_template(escaped, "p").render({}) == text
    assert parse_template(f"{escaped} ${{{name}}}", "p").render({name: value}) == f"{text} {value}"
