from pathlib import Path

import pytest

from ivr_bridge.agents.knowledge_file import (
    file_document,
    knowledge_paths,
    page_document,
    read_knowledge,
    text_document,
    unread_knowledge,
)
from ivr_bridge.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    return tmp_path


def write(config: Path, name: str, content: str | bytes = "Something to know.") -> Path:
    path = config / "knowledge" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(config: Path) -> list[str]:
    with pytest.raises(ConfigError) as told:
        read_knowledge(config)
    folder = f"{config / 'knowledge'}/"
    return [problem.replace(folder, "").partition(";")[0] for problem in told.value.problems]


def test_every_file_and_every_source_is_a_document(config: Path):
    write(config, "prices.md", "one euro")
    write(config, "Book.PDF", b"%PDF")
    write(config, ".hidden.md")
    write(
        config,
        "sources.yaml",
        "sources:\n- {name: site, url: 'https://example.org/faq'}\n"
        "- {name: hours, text: ' We open at nine. ', usage_mode: prompt}\n- {name: prices, usage_mode: prompt}\n",
    )
    documents = read_knowledge(config)
    assert {name: (each.kind, each.usage_mode) for name, each in documents.items()} == {
        "prices": ("file", "prompt"),
        "Book": ("file", "auto"),
        "site": ("url", "auto"),
        "hours": ("text", "prompt"),
    }
    assert documents["hours"].content == "We open at nine."
    assert documents["prices"].content == config / "knowledge" / "prices.md"
    assert len({each.content_hash for each in documents.values()}) == 4


def test_no_folder_is_no_document(tmp_path: Path):
    assert read_knowledge(tmp_path) == {}
    assert unread_knowledge(tmp_path) == []
    assert knowledge_paths(tmp_path) == []


def test_the_hash_follows_the_content_and_nothing_else(config: Path):
    path = write(config, "prices.md", "one euro")
    first = file_document(path).content_hash
    path.touch()
    assert file_document(path, "prompt").content_hash == first
    path.write_text("two euro")
    assert file_document(path).content_hash != first
    same_as_text = write(config, "prices.txt", "one euro")
    assert file_document(same_as_text).content_hash != first
    assert text_document("a", "x").content_hash == text_document("b", "x", "prompt").content_hash
    assert text_document("a", "http://x").content_hash != page_document("a", "http://x").content_hash


def test_a_big_file_is_read_to_its_end(config: Path):
    path = write(config, "big.txt", b"x" * 3_000_000 + b"a")
    first = file_document(path).content_hash
    path.write_bytes(b"x" * 3_000_000 + b"b")
    assert file_document(path).content_hash != first


def test_everything_that_is_wrong_is_told_together(config: Path):
    write(config, "a b.md")
    write(config, "empty.txt", "")
    write(config, "twice.md")
    write(config, "twice.txt")
    write(
        config,
        "sources.yaml",
        "sources:\n- {name: twice, text: t}\n- {name: nothing}\n"
        "- {name: site, url: 'https://x.org'}\n- {name: site, text: t}\n",
    )
    assert problems(config) == [
        "a b.md: 'a b' cannot be a document's name",
        "empty.txt: is empty",
        "twice.txt: 'twice' is twice.md already",
        "sources.yaml:2: sources.0.name: 'twice' is twice.md already",
        "sources.yaml:3: sources.1.name: there is no file nothing.* beside this one",
        "sources.yaml:5: sources.3.name: 'site' is listed already",
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{name: a, url: ftp://x}", "sources.0.url: should be http:// or https:// and the address of a page"),
        ("{name: a, url: 'http://x', text: y}", "sources.0.text: stands beside `url`"),
        ("{name: 'a:b', text: y}", "sources.0.name: should be up to 64 letters"),
        ("{name: a, text: ' '}", "sources.0.text: String should have at least 1 character"),
        ("{name: a, text: y, usage_mode: rag}", "sources.0.usage_mode: Input should be 'auto' or 'prompt'"),
        ("{name: a, txt: y}", "sources.0.txt: unknown"),
    ],
)
def test_a_source_that_does_not_fit(config: Path, entry: str, problem: str):
    write(config, "sources.yaml", f"sources:\n- {entry}\n")
    (told,) = problems(config)
    assert told.startswith(f"sources.yaml:2: {problem}")


def test_a_file_that_cannot_be_read(config: Path):
    (config / "knowledge" / "gone.md").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="cannot be read"):
        file_document(config / "knowledge" / "gone.md")


def test_a_file_of_another_kind(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("x")
    with pytest.raises(ConfigError, match="no file that the vendor reads"):
        file_document(path)


def test_what_nobody_reads_is_a_warning(config: Path):
    write(config, "prices.md")
    write(config, "sources.yaml", "")
    write(config, "table.csv")
    (config / "knowledge" / "more").mkdir()
    told = unread_knowledge(config)
    assert [(Path(each.file).name, each.severity) for each in told] == [("more", "warning"), ("table.csv", "warning")]
