from pathlib import Path

import pytest
from pydantic import Field

from ivr_bridge.config_file import ConfigModel, load
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


@pytest.mark.parametrize("text", ["title: 2024-13-45\n", "title: !!int many\n", "title: a\x01b\n"])
def test_values_that_yaml_cannot_make(tmp_path: Path, text: str):
    (problem,) = problems(write(tmp_path, text))
    assert problem.startswith(" is not YAML: ")


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
