"""`config/knowledge/`: what the agents may look up, each document by a name that the agents' files use.

Every text, page or book in the folder is a document, named by its file without the ending; `sources.yaml` beside them
lists pages of the web and short texts, and says how a file is used where that is not `auto`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ivr_bridge.agents.marks import FILE_NAME, content_hash
from ivr_bridge.config_file import ConfigModel, Document, Problem, load_document
from ivr_bridge.errors import ConfigError

FOLDER = "knowledge"
SOURCES = "sources.yaml"
ENDINGS = (".docx", ".epub", ".html", ".md", ".pdf", ".txt")
"""What the vendor reads."""
UsageMode = Literal["auto", "prompt"]
"""`auto`: the agent looks things up in it when it has an index; `prompt`: the whole text stands in its prompt."""

_PIECE_BYTES = 1024 * 1024
_NAME_RULE = "up to 64 letters, digits, '_' or '-', a letter or digit first"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/]+\S*$")]


class Source(ConfigModel):
    """A page, a text, or what is to be said about a file of the folder."""

    name: Annotated[str, StringConstraints(pattern=rf"^{FILE_NAME.pattern}$"), Field(description=_NAME_RULE)]
    url: Url | None = Field(None, description="http:// or https:// and the address of a page")
    """Read once by the vendor, when the document is made."""
    text: Text | None = None
    usage_mode: UsageMode = "auto"

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.url is not None and self.text is not None:
            raise ValueError("text: stands beside `url`; one document has one of them")
        return self


class SourcesFile(ConfigModel):
    """`config/knowledge/sources.yaml`."""

    sources: list[Source] = []


@dataclass(frozen=True, slots=True)
class KnowledgeDocument:
    """One document as it is to be."""

    name: str
    content: Path | str
    """The file, the page's address, or the text itself."""
    kind: Literal["file", "url", "text"]
    usage_mode: UsageMode
    content_hash: str
    """12 hex digits; of a page: of its address."""


def file_document(path: Path, usage_mode: UsageMode = "auto", name: str | None = None) -> KnowledgeDocument:
    """A file as a document; it is read once, piece by piece, for its hash.

    Args:
        path: its ending is one of `ENDINGS`.
        usage_mode: how an agent uses it.
        name: without it the file's, without the ending.

    Raises:
        ConfigError: its name, its ending, nothing in it, or it cannot be read.
    """
    name = name if name is not None else path.stem
    ending = path.suffix.lower()
    if not FILE_NAME.fullmatch(name):
        raise ConfigError(Problem(path, 0, "", f"{name!r} cannot be a document's name", f"write {_NAME_RULE}"))
    if ending not in ENDINGS:
        raise ConfigError(Problem(path, 0, "", "is no file that the vendor reads", f"one of: {', '.join(ENDINGS)}"))
    digest, n_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                n_bytes += len(piece)
    except OSError as error:
        raise ConfigError(Problem(path, 0, "", f"cannot be read: {error.strerror}")) from error
    if not n_bytes:
        raise ConfigError(Problem(path, 0, "", "is empty", "write what the agent is to know, or delete the file"))
    hash_12 = content_hash(b"file", ending.encode(), digest.digest())
    return KnowledgeDocument(name, path, "file", usage_mode, hash_12)


def page_document(name: str, url: str, usage_mode: UsageMode = "auto") -> KnowledgeDocument:
    """A page of the web as a document."""
    return KnowledgeDocument(name, url, "url", usage_mode, content_hash(b"url", url.encode()))


def text_document(name: str, text: str, usage_mode: UsageMode = "auto") -> KnowledgeDocument:
    """A text as a document."""
    return KnowledgeDocument(name, text, "text", usage_mode, content_hash(b"text", text.encode()))


def read_knowledge(config_dir: Path) -> dict[str, KnowledgeDocument]:
    """Every document by its name; none when there is no such folder.

    Raises:
        ConfigError: every `Problem` of all files together.
    """
    problems: list[str] = []
    documents: dict[str, KnowledgeDocument] = {}
    listed = _read_sources(config_dir / FOLDER / SOURCES, problems)
    said = {source.name: source for _, source in _entries(listed)}
    for path in knowledge_paths(config_dir):
        if path.stem in documents:
            text = f"{path.stem!r} is {documents[path.stem].content} already"
            problems.append(Problem(path, 0, "", text, "give one of them another name"))
            continue
        try:
            usage_mode = said[path.stem].usage_mode if path.stem in said else "auto"
            documents[path.stem] = file_document(path, usage_mode)
        except ConfigError as error:
            problems += error.problems
    files = {path.stem: path for path in reversed(knowledge_paths(config_dir))}
    seen: set[str] = set()
    for index, source in _entries(listed):
        assert listed is not None, "it has entries"  # noqa: S101
        place = ("sources", index, "name")
        if source.name in seen:
            problems.append(listed.problem(place, f"{source.name!r} is listed already", "give it another name"))
        elif source.url is None and source.text is None:
            if source.name not in files:
                text = f"there is no file {source.name}.* beside this one"
                problems.append(listed.problem(place, text, "write `url`, `text`, or that file"))
        elif source.name in files:
            text = f"{source.name!r} is {files[source.name]} already"
            problems.append(listed.problem(place, text, "give one of them another name"))
        elif source.url is not None:
            documents[source.name] = page_document(source.name, source.url, source.usage_mode)
        elif source.text is not None:
            documents[source.name] = text_document(source.name, source.text, source.usage_mode)
        seen.add(source.name)
    if problems:
        raise ConfigError(*problems)
    return documents


def knowledge_paths(config_dir: Path) -> list[Path]:
    """The files that are documents, without what an editor hides there."""
    return [path for path in _shown(config_dir) if path.suffix.lower() in ENDINGS]


def unread_knowledge(config_dir: Path) -> list[Problem]:
    """Warnings: what lies in the folder and is no document."""
    endings = f"{SOURCES}, and {' '.join(f'*{ending}' for ending in ENDINGS)} in {FOLDER} itself"
    return [
        Problem(path, 0, "", "nothing reads this", endings, severity="warning")
        for path in sorted((config_dir / FOLDER).glob("*"))
        if not path.name.startswith(".") and path.name != SOURCES and path not in knowledge_paths(config_dir)
    ]


def _shown(config_dir: Path) -> list[Path]:
    folder = config_dir / FOLDER
    return sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))


def _read_sources(path: Path, problems: list[str]) -> Document[SourcesFile] | None:
    if not path.is_file():
        return None
    try:
        return load_document(path, SourcesFile)
    except ConfigError as error:
        problems += error.problems
        return None


def _entries(listed: Document[SourcesFile] | None) -> Iterator[tuple[int, Source]]:
    return enumerate(listed.content.sources if listed is not None else ())
