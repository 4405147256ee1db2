"""Documents that agents know: made, read, changed, indexed, deleted.

Source: https://elevenlabs.io/docs/api-reference/knowledge-base
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, given
from ivr_bridge.elevenlabs.rest.dependents import DependentAgent, DependentAgentsPage
from ivr_bridge.elevenlabs.rest.disk_file import form_of
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.rag_index import EmbeddingModel, RagIndex, RagIndexes, pauses_s
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorFailed

DocumentType = Literal["file", "url", "text", "folder"]

_PATH = "/v1/convai/knowledge-base"
_UPLOAD_S = 300.0
_PAGE_SIZE = 100


class DocumentMetadata(Answer):
    """When a document was made and changed, in unix seconds, and how big it is."""

    created_at_unix_secs: int = 0
    last_updated_at_unix_secs: int = 0
    size_bytes: int = 0


class DocumentEntry(Answer):
    """One line of the list of documents."""

    id: str
    name: str
    type: str
    metadata: DocumentMetadata = DocumentMetadata()
    supported_usages: tuple[str, ...] = ()
    """`auto` and `prompt`."""
    folder_parent_id: str | None = None
    dependent_agents: tuple[DependentAgent, ...] = ()


class DocumentsPage(Answer):
    """One page of the list."""

    documents: tuple[DocumentEntry, ...]
    next_cursor: str | None = None
    has_more: bool | None = None


class Document(Answer):
    """A document with what the vendor read out of it."""

    id: str
    name: str
    type: str
    metadata: DocumentMetadata = DocumentMetadata()
    supported_usages: tuple[str, ...] = ()
    folder_parent_id: str | None = None
    extracted_inner_html: str = ""
    """Empty for a folder."""
    url: str | None = None
    filename: str | None = None


class NewDocument(Answer):
    """What was made."""

    id: str
    name: str


class KnowledgeBase:
    """The account's documents."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        search: str | None = None,
        types: Sequence[DocumentType] | None = None,
        parent_folder_id: str | None = None,
        created_by_user_id: str | None = None,
        sort_by: Literal["name", "created_at", "updated_at", "size"] | None = None,
        sort_direction: Literal["asc", "desc"] | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[DocumentEntry]:
        """Every document that fits, page by page.

        Args:
            search: what its name begins with.
            types: only these.
            parent_folder_id: only what lies directly in this folder.
            created_by_user_id: whose; `@me` for the key's owner.
            sort_by: which field; without it the vendor's order.
            sort_direction: the vendor's default is `desc`.
            page_size: 1 to 100 in one answer.
        """
        query = {
            "page_size": page_size,
            "search": search,
            "types": types,
            "parent_folder_id": parent_folder_id,
            "created_by_user_id": created_by_user_id,
            "sort_by": sort_by,
            "sort_direction": sort_direction,
        }
        return pages(self._transport, Request("GET", _PATH, query), DocumentsPage, lambda page: page.documents)

    async def get(self, document_id: str, *, agent_id: str | None = None) -> Document:
        """One document; `agent_id` lets somebody see it who may only see that agent."""
        return await ask(self._transport, Request("GET", _of(document_id), {"agent_id": agent_id}), Document)

    async def content(self, document_id: str) -> str:
        """The whole text that the vendor keeps of a document, as HTML or plain."""
        return await self._transport.text(Request("GET", f"{_of(document_id)}/content", timeout_s=60.0))

    async def create_from_url(
        self,
        url: str,
        *,
        name: str | None = None,
        parent_folder_id: str | None = None,
        enable_auto_sync: bool | None = None,
        minimum_frequency_days: int | None = None,
        auto_remove: bool | None = None,
    ) -> NewDocument:
        """A document of what a page says; the vendor fetches it before it answers.

        Args:
            url: of the page, reachable for the vendor.
            name: without it the vendor makes one.
            parent_folder_id: where it goes; without it the root.
            enable_auto_sync: the vendor reads the page again by itself.
            minimum_frequency_days: how often at most, 1 to 180.
            auto_remove: delete the document when the page is gone.
        """
        body = given(
            url=url,
            name=name,
            parent_folder_id=parent_folder_id,
            enable_auto_sync=enable_auto_sync,
            minimum_frequency_days=minimum_frequency_days,
            auto_remove=auto_remove,
        )
        return await self._create("url", body)

    async def create_from_text(
        self, text: str, *, name: str | None = None, parent_folder_id: str | None = None
    ) -> NewDocument:
        """A document of a text."""
        return await self._create("text", given(text=text, name=name, parent_folder_id=parent_folder_id))

    async def create_from_file(
        self, path: Path, *, name: str | None = None, parent_folder_id: str | None = None
    ) -> NewDocument:
        """A document of a file: txt, md, html, pdf, docx or epub; read from disk while it is sent.

        Raises:
            OSError: there is no such file.
            VendorError: no answer or an error.
        """
        form_of(path)
        request = Request(
            "POST",
            f"{_PATH}/file",
            form=lambda: form_of(path, name=name, parent_folder_id=parent_folder_id),
            repeat=Repeat.UNSENT,
            timeout_s=_UPLOAD_S,
        )
        return await ask(self._transport, request, NewDocument)

    async def update(self, document_id: str, *, name: str | None = None, content: str | None = None) -> Document:
        """Another name or another text; what is None stays. Not for a page that the vendor keeps in step.

        The index is made anew by the vendor when the text changes.
        """
        body = given(name=name, content=content)
        return await ask(self._transport, Request("PATCH", _of(document_id), json=body, timeout_s=60.0), Document)

    async def update_file(self, document_id: str, path: Path) -> Document:
        """Another file in place of a document's; read from disk while it is sent.

        Raises:
            OSError: there is no such file.
            VendorError: no answer or an error.
        """
        form_of(path)
        request = Request("PATCH", f"{_of(document_id)}/update-file", form=lambda: form_of(path), timeout_s=_UPLOAD_S)
        return await ask(self._transport, request, Document)

    async def delete(self, document_id: str, *, force: bool = False) -> None:
        """Delete a document; one that an agent uses only with `force`, which takes it from the agent as well."""
        query = {"force": True if force else None}
        await self._transport.empty(Request("DELETE", _of(document_id), query))

    def dependent_agents(
        self,
        document_id: str,
        *,
        dependent_type: Literal["direct", "transitive", "all"] | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[DependentAgent]:
        """Every agent that uses the document: itself (`direct`), by its folder (`transitive`), or both (default)."""
        query = {"dependent_type": dependent_type, "page_size": page_size}
        request = Request("GET", f"{_of(document_id)}/dependent-agents", query)
        return pages(self._transport, request, DependentAgentsPage, lambda page: page.agents)

    async def start_index(self, document_id: str, model: EmbeddingModel) -> RagIndex:
        """Have the document indexed, or hear how far that is: asked twice, it is done once."""
        request = Request("POST", f"{_of(document_id)}/rag-index", json={"model": model})
        return await ask(self._transport, request, RagIndex)

    async def indexes(self, document_id: str) -> RagIndexes:
        """The document's indexes, one a model."""
        return await ask(self._transport, Request("GET", f"{_of(document_id)}/rag-index"), RagIndexes)

    async def delete_index(self, document_id: str, index_id: str) -> RagIndex:
        """Drop one index; what it was is the answer."""
        request = Request("DELETE", f"{_of(document_id)}/rag-index/{segment(index_id)}")
        return await ask(self._transport, request, RagIndex)

    async def index(
        self,
        document_id: str,
        *,
        model: EmbeddingModel = "multilingual_e5_large_instruct",
        timeout_s: float = 600.0,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 5.0,
    ) -> AsyncIterator[RagIndex]:
        """Have the document indexed and say how far it is, until the end.

        Stopping to listen stops nothing at the vendor; asking again goes on listening.

        Args:
            document_id: not a folder's.
            model: which index.
            timeout_s: how long to wait for the end.
            first_pause_s: before the first look; the next pauses are longer.
            longest_pause_s: between two looks.

        Yields:
            The state after each look. The last one has `ended`; look at its `status`, for not every end is `usable`.

        Raises:
            VendorError: no answer, an error, no index at all, or no end within `timeout_s`.
        """
        give_up_at = time.monotonic() + timeout_s
        index: RagIndex | None = await self.start_index(document_id, model)
        for pause_s in pauses_s(first_pause_s, longest_pause_s):
            if index is None:
                raise VendorFailed(f"document {document_id}: its index is gone while it was made", status=200)
            yield index
            if index.ended:
                return
            if time.monotonic() + pause_s >= give_up_at:
                raise VendorFailed(
                    f"document {document_id}: not indexed after {timeout_s:g} s, {index.status} "
                    f"{index.progress_percentage:g} %",
                    status=200,
                )
            await asyncio.sleep(pause_s)
            index = (await self.indexes(document_id)).of(model)

    async def _create(self, kind: str, body: dict[str, object]) -> NewDocument:
        request = Request("POST", f"{_PATH}/{kind}", json=body, repeat=Repeat.UNSENT, timeout_s=60.0)
        return await ask(self._transport, request, NewDocument)


def _of(document_id: str) -> str:
    return f"{_PATH}/{segment(document_id)}"
