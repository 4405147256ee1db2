"""From the documents that are wanted and those that are there to the steps between them.                   pure

The order is the safety of the whole: new documents are made, then indexed, then given to the agents in place of the
older ones, and last of all what nobody needs any more is removed. Ended at any point, the next plan holds what is left;
what was made already is found by its mark and not made again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ivr_bridge.agents.knowledge_file import KnowledgeDocument
from ivr_bridge.agents.knowledge_mark import KnowledgeMark, read_knowledge_mark

_PLACES = ("type", "id", "name")


@dataclass(frozen=True, slots=True)
class MarkedDocument:
    """A document at the vendor that bears a mark of ours."""

    document_id: str
    mark: KnowledgeMark
    kind: str
    """`file`, `url` or `text`."""
    made_at_unix_s: int = 0

    def entry(self, usage_mode: str) -> dict[str, Any]:
        """As it stands in an agent's list."""
        return {"type": self.kind, "id": self.document_id, "name": str(self.mark), "usage_mode": usage_mode}


@dataclass(frozen=True, slots=True)
class Reader:
    """An agent, what it is to know, and its list as it is."""

    agent_id: str
    name: str
    """For people: of its file, or the id again."""
    wanted: tuple[str, ...]
    """Documents by name, in order."""
    entries: tuple[Mapping[str, Any], ...]
    """`prompt.knowledge_base`, those of others too."""
    embedding_model: str | None = None
    """What it looks things up with; None: it does not."""


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """One wanted document and the one at the vendor that is it already."""

    document: KnowledgeDocument
    mark: KnowledgeMark
    found: MarkedDocument | None
    has_older: bool

    @property
    def action(self) -> Literal["make", "update", "keep"]:
        """`update`: made anew, and the older one is removed at the end."""
        if self.found is not None:
            return "keep"
        return "update" if self.has_older else "make"


@dataclass(frozen=True, slots=True)
class KnowledgePlan:
    """The steps, in their order."""

    documents: tuple[DocumentStep, ...] = ()
    readers: tuple[Reader, ...] = ()
    """Agents whose list changes."""
    outdated: tuple[MarkedDocument, ...] = ()
    """Older contents of what is wanted, and doubles: removed without asking."""
    gone: tuple[MarkedDocument, ...] = ()
    """Nothing in the configuration stands for them any more."""
    models: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Document -> the embedding models of the agents that look things up in it."""
    ours: frozenset[str] = frozenset()
    """Ids of all documents in this plan's scope that are at the vendor."""

    @property
    def makes(self) -> tuple[DocumentStep, ...]:
        """What is not there yet."""
        return tuple(step for step in self.documents if step.found is None)

    @property
    def changes(self) -> bool:
        """Whether anything but an index is left to do."""
        return bool(self.makes or self.readers or self.outdated or self.gone)


def make_knowledge_plan(
    wanted: Iterable[KnowledgeDocument],
    readers: Sequence[Reader],
    found: Sequence[MarkedDocument],
    scope: str = "",
) -> KnowledgePlan:
    """The steps from what is there to what is wanted.

    Args:
        wanted: every document, whether an agent names it or not; names are unique.
        readers: the agents whose lists are kept in step.
        found: documents of ours, those of other scopes too.
        scope: see `KnowledgeMark`; what belongs to another is left alone.
    """
    ours = [each for each in found if each.mark.scope == scope]
    in_use = {str(entry.get("id")) for reader in readers for entry in reader.entries}
    steps = []
    for document in wanted:
        mark = KnowledgeMark(document.name, document.content_hash, scope)
        of_name = [each for each in ours if each.mark.name == document.name]
        same = [each for each in of_name if each.mark == mark]
        keeper = min(same, key=lambda each: _preference(each, in_use), default=None)
        steps.append(DocumentStep(document, mark, keeper, has_older=bool(of_name)))
    kept = {step.found.document_id for step in steps if step.found is not None}
    names = {step.document.name for step in steps}
    rest = [each for each in ours if each.document_id not in kept]
    ids = frozenset(each.document_id for each in ours)
    there = {step.document.name: step.found for step in steps if step.found is not None}
    modes = {step.document.name: step.document.usage_mode for step in steps}
    return KnowledgePlan(
        documents=tuple(steps),
        readers=tuple(reader for reader in readers if _differs(reader, there, modes, ids, scope)),
        outdated=tuple(each for each in rest if each.mark.name in names),
        gone=tuple(each for each in rest if each.mark.name not in names),
        models=tuple((name, _models(name, readers)) for name in sorted(names)),
        ours=ids,
    )


def knowledge_list(
    entries: Sequence[Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]],
    ours: frozenset[str],
    scope: str = "",
) -> list[Mapping[str, Any]]:
    """An agent's list of documents as it is to be.

    Args:
        entries: the list as it is. Those of others, and of other scopes, stay where they are.
        wanted: ours, as `MarkedDocument.entry` gives them, in order.
        ours: ids of this scope's documents; an entry that bears a mark of this scope counts too.
        scope: see `KnowledgeMark`.
    """
    left = {entry["id"]: entry for entry in wanted}
    result: list[Mapping[str, Any]] = []
    for entry in entries:
        if not _is_ours(entry, ours, scope):
            result.append(entry)
        elif (new := left.pop(str(entry.get("id")), None)) is not None:
            result.append(entry if _same(entry, new) else {**entry, **new})
    return [*result, *left.values()]


def _differs(
    reader: Reader, there: Mapping[str, MarkedDocument], modes: Mapping[str, str], ids: frozenset[str], scope: str
) -> bool:
    known = [name for name in reader.wanted if name in modes]
    if any(name not in there for name in known):
        return True
    wanted = [there[name].entry(modes[name]) for name in known]
    return knowledge_list(reader.entries, wanted, ids, scope) != list(reader.entries)


def _preference(document: MarkedDocument, in_use: set[str]) -> tuple[bool, int, str]:
    """Of several that are the same: one that an agent has, then the oldest."""
    return document.document_id not in in_use, document.made_at_unix_s, document.document_id


def _models(name: str, readers: Sequence[Reader]) -> tuple[str, ...]:
    models = (reader.embedding_model for reader in readers if name in reader.wanted)
    return tuple(dict.fromkeys(model for model in models if model is not None))


def _is_ours(entry: Mapping[str, Any], ours: frozenset[str], scope: str) -> bool:
    if str(entry.get("id")) in ours:
        return True
    mark = read_knowledge_mark(str(entry.get("name")))
    return mark is not None and mark.scope == scope


def _same(entry: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(entry.get(key) == new[key] for key in _PLACES) and entry.get("usage_mode", "auto") == new["usage_mode"]
