"""The knowledge base brought to what the configuration says: reading the account, then one step after another.

Each step is one request that changes something. Ended anywhere, before or after the vendor did what was asked, the next
run finds what is there by its mark and does the rest: nothing is made twice, nothing that an agent knows is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, get_args

from ivr_bridge.agents.knowledge_mark import SEARCH, read_knowledge_mark
from ivr_bridge.agents.knowledge_plan import (
    DocumentStep,
    KnowledgePlan,
    MarkedDocument,
    Reader,
    knowledge_list,
)
from ivr_bridge.agents.marks import name_of_tag, tag_of
from ivr_bridge.config_file import Problem
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.rag_index import EmbeddingModel
from ivr_bridge.errors import ConfigError, VendorError, VendorFailed, VendorRejected

_PATH = ("conversation_config", "agent", "prompt", "knowledge_base")
_MODEL: EmbeddingModel = "multilingual_e5_large_instruct"
"""For documents that no agent looks anything up in yet: callers speak three languages."""
_KEY_FAULTS = (401, 403)
_REMEDIES = {
    "rag_limit_exceeded": "the account's index is full; remove documents, or write usage_mode: prompt",
    "document_too_small": "it is too small for an index, and stands in the prompt as a whole; write usage_mode: prompt",
    "failed": "the vendor could not index it; look at the document there",
    "cannot_index_folder": "it is a folder",
}


class Progress(Protocol):
    """Is told what is being done, how many steps are done (with parts of one), and of how many."""

    def __call__(self, words: str, done: float, of: int, /) -> None:
        """Such as `indexing prices`, 1.5, 4."""
        ...


@dataclass(slots=True)
class KnowledgeReport:
    """What was done; documents and agents by name."""

    made: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    indexes: dict[str, str] = field(default_factory=dict)
    """Document -> the vendor's word for how its indexing ended; `processing` when it goes on."""
    agents: list[str] = field(default_factory=list)
    """Whose list was changed."""
    removed: list[str] = field(default_factory=list)
    """Names at the vendor."""
    left: list[str] = field(default_factory=list)
    """Names at the vendor of what is of no use any more and still there."""
    warnings: list[str] = field(default_factory=list)


async def read_shelf(client: ElevenLabsAPIClient) -> list[MarkedDocument]:
    """Every document that bears a mark of ours, of any scope.

    Raises:
        VendorError: the vendor did not answer, or refused.
    """
    documents = []
    async for each in client.knowledge_base.list(search=SEARCH):
        mark = read_knowledge_mark(each.name)
        if mark is not None and each.type != "folder":
            documents.append(MarkedDocument(each.id, mark, each.type, each.metadata.created_at_unix_secs))
    return documents


async def find_readers(
    client: ElevenLabsAPIClient, wanted: Mapping[str, Sequence[str]]
) -> tuple[list[Reader], list[str]]:
    """The agents that the files describe, found by their tags.

    Args:
        client: of the account.
        wanted: agent's file -> the documents it names.

    Returns:
        The agents, in the order of the files, and the files whose agent is not there.

    Raises:
        ConfigError: two agents bear one tag.
        VendorError: the vendor did not answer, or refused.
    """
    ids: dict[str, list[str]] = {name: [] for name in wanted}
    async for summary in client.agents.list():
        for name in {name_of_tag(tag) for tag in summary.tags} - {None}:
            if name in ids and not summary.archived:
                ids[str(name)].append(summary.agent_id)
    if doubled := {name: found for name, found in ids.items() if len(found) > 1}:
        raise ConfigError(
            *(
                f"agents {' and '.join(found)} both bear the tag {tag_of(name)}; take it off one of them at the vendor"
                for name, found in doubled.items()
            )
        )
    readers = [reader_of(await client.agents.get(found[0]), wanted[name], name) for name, found in ids.items() if found]
    return readers, [name for name, found in ids.items() if not found]


def reader_of(agent: Agent, wanted: Sequence[str], name: str) -> Reader:
    """An agent as the vendor gives it, and what it is to know."""
    prompt = _at(agent.conversation_config, ("agent", "prompt"))
    rag = _at(prompt, ("rag",))
    model = rag.get("embedding_model") or "e5_mistral_7b_instruct"
    return Reader(
        agent_id=agent.agent_id,
        name=name,
        wanted=tuple(dict.fromkeys(wanted)),
        entries=tuple(entry for entry in prompt.get("knowledge_base") or () if isinstance(entry, Mapping)),
        embedding_model=model if rag.get("enabled") is True and model in get_args(EmbeddingModel) else None,
    )


class KnowledgeSync:
    """One plan, carried out once.

    Args:
        client: of the account.
        plan: what is to be done.
        scope: of the plan, see `KnowledgeMark`.
        remove_gone: also remove what nothing in the configuration stands for any more.
        progress: told before and during each step.
        index_timeout_s: how long one document's index is waited for; it goes on at the vendor.
        first_pause_s: before the first look at an index.
    """

    def __init__(
        self,
        client: ElevenLabsAPIClient,
        plan: KnowledgePlan,
        *,
        scope: str = "",
        remove_gone: bool = False,
        progress: Progress = lambda _words, _done, _of: None,
        index_timeout_s: float = 600.0,
        first_pause_s: float = 0.5,
    ) -> None:
        self._client = client
        self._plan = plan
        self._scope = scope
        self._removals = (*plan.outdated, *(plan.gone if remove_gone else ()))
        self._progress = progress
        self._index_timeout_s = index_timeout_s
        self._first_pause_s = first_pause_s
        self._report = KnowledgeReport(left=[] if remove_gone else [str(each.mark) for each in plan.gone])
        self._done = 0
        self._indexed = [step for step in plan.documents if step.document.usage_mode == "auto"]
        self._of = len(plan.makes) + len(self._indexed) + len(plan.readers) + len(self._removals)

    async def run(self) -> KnowledgeReport:
        """Do every step; what was done stays done when it is cancelled or fails.

        Raises:
            ConfigError: a file cannot be read any more.
            VendorError: the vendor did not answer, or refused.
        """
        there: dict[str, MarkedDocument] = {}
        for step in self._plan.documents:
            there[step.document.name] = step.found if step.found is not None else await self._make(step)
            self._list_of(step).append(step.document.name)
        models = dict(self._plan.models)
        for step in self._indexed:  # all begin, so that the vendor works on them side by side
            await self._start_index(there[step.document.name], models[step.document.name])
        for step in self._indexed:
            await self._index(there[step.document.name], models[step.document.name])
            self._done += 1
        modes = {step.document.name: step.document.usage_mode for step in self._plan.documents}
        for reader in self._plan.readers:
            self._tell(f"telling agent {reader.name}")
            entries = [there[name].entry(modes[name]) for name in reader.wanted if name in there]
            await self._attach(reader, entries)
            self._done += 1
        for document in self._removals:
            self._tell(f"removing {document.mark}")
            await self._remove(document)
            self._done += 1
        self._tell("done")
        return self._report

    def _tell(self, words: str, part: float = 0.0) -> None:
        self._progress(words, self._done + part, self._of)

    def _list_of(self, step: DocumentStep) -> list[str]:
        report = self._report
        return {"make": report.made, "update": report.updated, "keep": report.unchanged}[step.action]

    async def _make(self, step: DocumentStep) -> MarkedDocument:
        document, base = step.document, self._client.knowledge_base
        self._tell(f"sending {document.name}")
        name = str(step.mark)
        if isinstance(document.content, Path):
            try:
                made = await base.create_from_file(document.content, name=name)
            except OSError as error:
                problem = Problem(document.content, 0, "", f"cannot be read: {error.strerror or error}")
                raise ConfigError(problem) from error
        elif document.kind == "url":
            made = await base.create_from_url(document.content, name=name)
        else:
            made = await base.create_from_text(document.content, name=name)
        self._done += 1
        return MarkedDocument(made.id, step.mark, document.kind)

    async def _start_index(self, document: MarkedDocument, models: Sequence[str]) -> None:
        for model in models or (_MODEL,):
            try:
                await self._client.knowledge_base.start_index(document.document_id, _known(model))
            except VendorRejected as error:
                _raise_key_fault(error)  # everything else is told when the index is waited for

    async def _index(self, document: MarkedDocument, models: Sequence[str]) -> None:
        """Wait for every index of a document; the end that is told is the last one that is not good."""
        name, told = document.mark.name, "succeeded"
        for model in models or (_MODEL,):
            status = await self._wait_for_index(document, _known(model))
            told = status if status != "succeeded" else told
        self._report.indexes[name] = told

    async def _wait_for_index(self, document: MarkedDocument, model: EmbeddingModel) -> str:
        name, status = document.mark.name, "processing"
        try:
            async for index in self._client.knowledge_base.index(
                document.document_id, model=model, timeout_s=self._index_timeout_s, first_pause_s=self._first_pause_s
            ):
                self._tell(f"indexing {name}", index.progress_percentage / 100)
                status = index.status
        except VendorRejected as error:
            _raise_key_fault(error)
            self._warn(f"{name}: the vendor refuses to index it: {error}")
            return "refused"
        except VendorFailed as error:
            if error.status != 200:
                raise
            self._warn(f"{name}: {error}; run it again later")
            return status
        if status != "succeeded":
            self._warn(f"{name} has no index ({status}): {_REMEDIES.get(status, 'the vendor says no more')}")
        return status

    async def _attach(self, reader: Reader, wanted: Sequence[Mapping[str, Any]]) -> None:
        """The list is read anew: what somebody else gave the agent meanwhile stays."""
        now = reader_of(await self._client.agents.get(reader.agent_id), reader.wanted, reader.name)
        entries = knowledge_list(now.entries, wanted, self._plan.ours, self._scope)
        if entries != list(now.entries):
            document: object = [dict(entry) for entry in entries]
            for key in reversed(_PATH):
                document = {key: document}
            assert isinstance(document, dict), "the path has keys"  # noqa: S101
            await self._client.agents.update(reader.agent_id, document)
        self._report.agents.append(reader.name)

    async def _remove(self, document: MarkedDocument) -> None:
        name = str(document.mark)
        try:
            users = [each async for each in self._client.knowledge_base.dependent_agents(document.document_id)]
            if users:
                told = ", ".join(f"{each.name} ({each.id})" if each.name else each.id for each in users)
                self._leave(name, f"still known by {told}, which no file here describes")
                return
            await self._client.knowledge_base.delete(document.document_id)
        except VendorError as error:
            if error.status != 404:  # 404: somebody was faster
                if not isinstance(error, VendorRejected):
                    raise
                _raise_key_fault(error)
                self._leave(name, str(error))
                return
        self._report.removed.append(name)

    def _leave(self, name: str, reason: str) -> None:
        self._report.left.append(name)
        self._warn(f"{name} stays: {reason}")

    def _warn(self, text: str) -> None:
        self._report.warnings.append(text)


def missing_agents(names: Iterable[str]) -> list[str]:
    """The warnings for agents that have a file and are not at the vendor."""
    return [f"agent {name} is not at the vendor yet and knows nothing: ivr-bridge agents apply" for name in names]


def _known(model: str) -> EmbeddingModel:
    return next((each for each in get_args(EmbeddingModel) if each == model), _MODEL)


def _raise_key_fault(error: VendorRejected) -> None:
    """The key is wrong for everything that is left, not for this document."""
    if error.status in _KEY_FAULTS:
        raise error


def _at(fields: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    place: Any = fields
    for key in path:
        place = place.get(key) if isinstance(place, Mapping) else None
    return place if isinstance(place, Mapping) else {}
