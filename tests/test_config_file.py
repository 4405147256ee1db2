from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, StringConstraints, model_validator

from ivr_bridge.config_file import ConfigModel, Problem, load, load_document
from ivr_bridge.errors import ConfigError


class Item(ConfigModel):
    name: str
    size: int = Field(1, ge=1)


class File(ConfigModel):
    title: str = "none"
    items: tuple[Item, ...] = ()
    texts: dict[str, str] = {}
    anything: object = None


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(path: Path) -> tuple[str, ...]:
    """What is wrong, without the path that each line must begin with."""
    with pytest.raises(ConfigError) as caught:
        load(path, File)
    assert caught.value.problems
    for problem in caught.value.problems:
        assert problem.startswith(f"{path}:")
        assert "\n" not in problem
    return tuple(problem.removeprefix(f"{path}:") for problem in caught.value.problems)


def test_a_good_file(tmp_path: Path):
    file = load(write(tmp_path, "title: 你好\nitems:\n  - name: a\n  - {name: b, size: 2}\n"), File)
    assert file == File(title="你好", items=(Item(name="a"), Item(name="b", size=2)))
    with pytest.raises(ValueError, match="frozen"):
        file.title = "other"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "\ufeff# a mark of the byte order\n"])
def test_an_empty_file_is_all_defaults(tmp_path: Path, text: str):
    assert load(write(tmp_path, text), File) == File()


def test_every_problem_has_its_line_and_place(tmp_path: Path):
    text = "title: [x]\n\nitems:\n  - name: a\n    size: 0\n  - size: 3\n  - name: c\n    colour: red\nextra: 1\n"
    found = problems(write(tmp_path, text))
    assert sorted(line.split(": ")[:2] for line in found) == [
        ["1", "title"], ["5", "items.0.size"], ["6", "items.1.name"], ["8", "items.2.colour"], ["9", "extra"],
    ]  # fmt: skip


def test_a_file_that_is_no_mapping(tmp_path: Path):
    (problem,) = problems(write(tmp_path, "- a\n"))
    assert problem.startswith("1: file: ")


def test_a_key_that_stands_there_twice(tmp_path: Path):
    text = "title: a\ntexts:\n  x: 1\n  y: 2\n  x: 3\nitems:\n  - name: a\n    name: b\ntitle: c\n"
    assert problems(write(tmp_path, text)) == (
        "5: texts.x: stands here twice",
        "8: items.0.name: stands here twice",
        "9: title: stands here twice",
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: a\nitems: [1\nb: 2\n", 3),
        ("title: 'a\n", 2),
        ("title: a\n\tb: 1\n", 2),
        ("title: *nobody\n", 1),
        ("? [a]\n: b\n", 1),
        ("title: a\n---\ntitle: b\n", 2),
        ("title: !!python/object:os.system {}\n", 1),
    ],
)
def test_what_is_no_yaml_has_its_line(tmp_path: Path, text: str, line: int):
    (problem,) = problems(write(tmp_path, text))
    assert problem.startswith(f"{line}: is not YAML: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("items: []\ntitle: 2024-13-45\n", "2:"),
        ("\n\ntexts:\n  2027-02-29: closed\n", "4:"),
        ("title: !!int many\n", "1:"),
        ("title: a\x01b\n", ""),
    ],
)
def test_values_that_yaml_cannot_make(tmp_path: Path, text: str, line: str):
    (problem,) = problems(write(tmp_path, text))
    assert problem.startswith(f"{line} is not YAML: ")


def test_a_file_that_cannot_be_read(tmp_path: Path):
    assert problems(tmp_path / "missing.yaml") == (" cannot be read: No such file or directory",)
    assert problems(tmp_path)[0].startswith(" cannot be read: ")
    assert problems(write(tmp_path, b"title: \xff\n"))[0].startswith(" is not UTF-8: ")


def test_a_file_that_holds_itself(tmp_path: Path):
    assert load(write(tmp_path, "anything: &it [*it]\n"), File).anything is not None
    (problem,) = problems(write(tmp_path, "anything: &it [*it]\nmore: 1\n"))
    assert problem.startswith("2: more: ")


def test_aliases_of_aliases_are_read_once(tmp_path: Path):
    rows = "".join(f"  - &r{n} [{', '.join([f'*r{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert load(write(tmp_path, f"anything:\n  - &r0 [x]\n{rows}"), File).title == "none"


def test_words_of_the_check_are_not_shown(tmp_path: Path):
    class Even(ConfigModel):
        number: int

        def model_post_init(self, _: object) -> None:
            if self.number % 2:
                raise ValueError("must be even")

    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "number: 3\n"), Even)
    assert caught.value.problems == (f"{tmp_path / 'file.yaml'}:1: file: must be even",)
    assert caught.value.__cause__ is not None


# Unions, and what is said about each fault


class Circle(ConfigModel):
    kind: Literal["circle"]
    circle: int
    """Named as its kind is."""


class Square(ConfigModel):
    kind: Literal["square"]
    side: int = Field(1, ge=1)
    limit: int = 9
    label: Annotated[str, StringConstraints(pattern=r"^[a-z]+$"), Field(description="small letters")] = "x"

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.side > self.limit:
            raise ValueError("side: is more than limit")
        return self


Shape = Annotated[Circle | Square, Field(discriminator="kind")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z]+$"), Field(description="small letters")]


class Drawing(ConfigModel):
    shapes: dict[Word, Shape] = {}
    row: list[Shape] = []
    best: Shape | None = None
    frame: Word | Literal[False] = False
    numbers: dict[Literal["1", "2"], Annotated[list[int], Field(max_length=2)]] = {}


def drawing_problems(tmp_path: Path, text: str) -> list[Problem]:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, Drawing)
    found = [Problem.of(each) for each in caught.value.problems]
    assert all(each is given for each, given in zip(found, caught.value.problems, strict=True))
    assert all(each.file == str(path) for each in found)
    return found


@pytest.mark.parametrize(
    ("text", "line", "place", "said", "remedy"),
    [
        ("shapes:\n  a:\n    kind: circl\n", 3, "shapes.a.kind", "unknown 'circl'", "one of: circle, square"),
        ("row:\n  - side: 2\n", 2, "row.0.kind", "Field required", "one of: circle, square"),
        ("best:\n  side: 2\n", 1, "best.kind", "Field required", "one of: circle, square"),
        ("shapes:\n  a:\n    kind: square\n    sid: 2\n", 4, "shapes.a.sid", "unknown",
         "one of: kind, side, limit, label"),
        ("row:\n  - kind: square\n    side: 0\n", 3, "row.0.side", "Input should be greater than or equal to 1",
         "it should be greater than or equal to 1"),
        ("best:\n  kind: square\n\n  side: 0\n", 4, "best.side", "Input should be greater than or equal to 1",
         "it should be greater than or equal to 1"),
        ("shapes:\n  a:\n    kind: circle\n", 2, "shapes.a.circle", "Field required", "write it"),
        ("shapes:\n  a:\n    circle: x\n    kind: circle\n", 3, "shapes.a.circle",
         "Input should be a valid integer, unable to parse string as an integer",
         "it should be a valid integer, unable to parse string as an integer"),
        ("row:\n- kind: square\n  limit: 3\n  side: 5\n", 4, "row.0.side", "is more than limit", "is more than limit"),
        ("row:\n- kind: square\n  side: 50\n", 3, "row.0.side", "is more than limit", "is more than limit"),
        ("row:\n- kind: square\n  label: A\n", 3, "row.0.label", "should be small letters", "should be small letters"),
        ("shapes:\n  a: 1\n  bad-name: {kind: square}\n", 2, "shapes.a", "should be keys with values",
         "should be keys with values"),
        ("shapes: []\n", 1, "shapes", "should be keys with values", "should be keys with values"),
        ("row: {}\n", 1, "row", "should be a list", "should be a list"),
        ("shapes:\n  x: {kind: square}\n  A: {kind: square}\n", 3, "shapes.A", "should be small letters",
         "should be small letters"),
        ("numbers:\n  '1': [1, x]\n", 2, "numbers.1.1",
         "Input should be a valid integer, unable to parse string as an integer",
         "it should be a valid integer, unable to parse string as an integer"),
        ("numbers:\n\n  '1': [1,\n   2,\n   3]\n", 3, "numbers.1", None, None),
        ("frame: A\n", 1, "frame", "should be small letters or Input should be False", None),
        ("frame: 2026-12-25\n", 1, "frame", "Input should be a valid string or Input should be False",
         "put it in quotes"),
        ("rows: []\n", 1, "rows", "unknown", "one of: shapes, row, best, frame, numbers"),
    ],
)  # fmt: skip
def test_each_fault_has_its_line_its_place_and_its_remedy(
    tmp_path: Path, text: str, line: int, place: str, said: str | None, remedy: str | None
):
    problem = drawing_problems(tmp_path, text)[0]
    assert (problem.line, problem.place) == (line, place)
    assert said is None or problem.text == said
    assert remedy is None or problem.remedy == remedy
    assert problem.severity == "error"


def test_problems_come_in_the_order_of_their_lines(tmp_path: Path):
    found = drawing_problems(tmp_path, "frame: 1\nrow:\n  - {kind: x}\nshapes:\n  a: {kind: square, side: x}\n")
    assert [problem.line for problem in found] == [1, 3, 5]


def test_a_document_knows_its_lines(tmp_path: Path):
    path = write(tmp_path, "title: a\n\nitems:\n  - name: a\n  - name: b\n    size: 2\n")
    document = load_document(path, File)
    assert document.content == load(path, File)
    places = [("title",), ("items", 1, "size"), ("items", 0, "size"), ("none",)]
    assert [document.line_of(place) for place in places] == [1, 6, 4, 1]
    problem = document.problem(("items", 1, "name"), "is taken", "write another")
    assert problem == f"{path}:5: items.1.name: is taken; write another"
    assert document.problem((), "is odd", severity="warning").severity == "warning"


def test_a_problem_for_machines():
    problem = Problem("config/a.yaml", 3, "x.y", "unknown", "one of: a, b", severity="warning")
    assert problem == "config/a.yaml:3: x.y: unknown; one of: a, b"
    assert problem.as_json() == {
        "file": "config/a.yaml", "line": 3, "problem": "x.y: unknown", "remedy": "one of: a, b", "severity": "warning",
    }  # fmt: skip
    assert Problem("a.yaml", 0, "", "cannot be read").as_json() == {
        "file": "a.yaml", "line": 1, "problem": "cannot be read", "remedy": "cannot be read", "severity": "error",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "file", "number", "text", "remedy"),
    [
        ("config/b.yaml:7: greeting: no prompt; write one", "config/b.yaml", 7, "greeting: no prompt", "write one"),
        ("calls/x.wav: cannot be read: gone", "calls/x.wav", 0, "cannot be read: gone", "cannot be read: gone"),
        ("tools_module 'x' cannot be imported", "", 0, "tools_module 'x' cannot be imported", None),
        ("PORT: must be a number", "", 0, "PORT: must be a number", None),
    ],
)  # fmt: skip
def test_a_problem_that_is_only_text_is_taken_apart(line: str, file: str, number: int, text: str, remedy: str | None):
    problem = Problem.of(line)
    assert (problem, problem.file, problem.line, problem.text) == (line, file, number, text)
    assert problem.remedy == (remedy or text)
