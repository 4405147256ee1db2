"""The REST API of the knowledge base: documents from a URL, a text or a file, and who uses one."""

import html
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from ivr_bridge.simulator.service.account import ACCESS, Account, new_id
from ivr_bridge.simulator.service.agent_document import dependents, release
from ivr_bridge.simulator.service.agent_rest import no_such
from ivr_bridge.simulator.service.paging import Row, is_on, one_page
from ivr_bridge.simulator.service.refusals import Invalid, Refusal, field, found, in_use, missing, read_object

_PATH = "/v1/convai/knowledge-base"
_USED = "knowledge_base"
_TYPES = ("file", "url", "text", "folder")
_SORTS = ("name", "created_at", "updated_at", "size")


class KnowledgeRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of documents."""
        one = f"{_PATH}/{{documentation_id}}"
        return [
            web.get(_PATH, self._list),
            web.post(_PATH, self._create_as_of_old),
            web.post(f"{_PATH}/url", self._create_from_url),
            web.post(f"{_PATH}/text", self._create_from_text),
            web.post(f"{_PATH}/file", self._create_from_file),
            web.post(f"{_PATH}/bulk-delete", self._delete_many),
            web.get(f"{_PATH}/summaries", self._summaries),
            web.get(one, self._get),
            web.patch(one, self._change),
            web.patch(f"{one}/update-file", self._change_file),
            web.delete(one, self._delete),
            web.get(f"{one}/content", self._content),
            web.get(f"{one}/dependent-agents", self._dependents),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.knowledge.get(request.match_info["documentation_id"]), "document")

    # --- making

    async def _create_from_url(self, request: web.Request) -> web.Response:
        """A page; the sandbox fetches nothing: its content says so."""
        body = await read_object(request)
        return self._add_url(field(body, "url", str, required=True), _name(body))

    async def _create_from_text(self, request: web.Request) -> web.Response:
        """A text."""
        body = await read_object(request)
        text = field(body, "text", str, required=True)
        return self._add("text", _name(body) or text[:30], text, len(text.encode()))

    async def _create_from_file(self, request: web.Request) -> web.Response:
        """A file, sent as a form."""
        form = await _form(request)
        return self._add_file(_file(form), _name(form))

    async def _create_as_of_old(self, request: web.Request) -> web.Response:
        """A page or a file, by the call that the three above have replaced."""
        form = await _form(request)
        url = form.get("url")
        if isinstance(url, str) and url:
            return self._add_url(url, _name(form))
        return self._add_file(_file(form), _name(form))

    def _add_url(self, url: str, name: str) -> web.Response:
        if not url.startswith(("http://", "https://")):
            raise Refusal(400, "validation_error", "invalid_url", "The URL is not valid.")
        content = f"The sandbox fetches nothing: this stands for {url}."
        return self._add("url", name or url, content, len(content), {"url": url})

    def _add_file(self, file: FileField, name: str) -> web.Response:
        content = file.file.read()
        return self._add(
            "file", name or file.filename, content.decode("utf-8", "replace"), len(content), {"filename": file.filename}
        )

    def _add(
        self, kind: str, name: str, content: str, size_bytes: int, more: dict[str, Any] | None = None
    ) -> web.Response:
        """Keep a new document."""
        if not content.strip():
            raise Refusal(400, "validation_error", "empty_document", "The document has no content.")
        key, now = new_id("doc"), int(time.time())
        document = {
            "id": key,
            "name": name,
            "type": kind,
            "metadata": {"created_at_unix_secs": now, "last_updated_at_unix_secs": now, "size_bytes": size_bytes},
            "supported_usages": ["prompt", "auto"],
            "access_info": ACCESS,
            "folder_parent_id": None,
            "folder_path": [],
            **(more or {}),
        }
        self._account.knowledge.put(key, document, {"content": content})
        return web.json_response({"id": key, "name": name, "folder_path": []})

    # --- reading

    async def _list(self, request: web.Request) -> web.Response:
        """One page of documents without their content; the newest first."""
        query = request.query
        sort_by, types = query.get("sort_by", "created_at"), query.getall("types", [])
        if sort_by not in _SORTS:
            raise Invalid("query.sort_by", f"Input should be {' or '.join(map(repr, _SORTS))}", "enum")
        for kind in types:
            if kind not in _TYPES:
                raise Invalid("query.types", f"Input should be {' or '.join(map(repr, _TYPES))}", "enum")
        search = query.get("search", "").lower()
        rows: list[Row] = []
        for entry in self._account.knowledge.entries():
            document = entry.document
            if document["name"].lower().startswith(search) and (not types or document["type"] in types):
                keys = {
                    "name": document["name"].lower(),
                    "size": document["metadata"]["size_bytes"],
                    "updated_at": document["metadata"]["last_updated_at_unix_secs"],
                }
                rows.append((keys.get(sort_by, 0), entry.order, document))
        page, cursor = one_page(rows, query)
        documents = [self._summary(document) for document in page]
        return web.json_response({"documents": documents, "next_cursor": cursor, "has_more": cursor is not None})

    def _summary(self, document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "dependent_agents": dependents(self._account, _USED, document["id"])}

    async def _summaries(self, request: web.Request) -> web.Response:
        """The documents that are asked for."""
        answer: dict[str, Any] = {}
        for key in request.query.getall("document_ids", []):
            document = self._account.knowledge.get(key)
            answer[key] = (
                no_such("document") if document is None else {"status": "success", "data": self._summary(document)}
            )
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.Response:
        """One document with its content as HTML."""
        return self._shown(self._document(request)["id"])

    def _shown(self, key: str) -> web.Response:
        content = self._account.knowledge.hidden(key)["content"]
        inner = f"<p>{html.escape(content)}</p>"
        return web.json_response({**(self._account.knowledge.get(key) or {}), "extracted_inner_html": inner})

    async def _content(self, request: web.Request) -> web.Response:
        """What stands in a document, as it came."""
        content = self._account.knowledge.hidden(self._document(request)["id"])["content"]
        return web.Response(text=content, content_type="text/html")

    async def _dependents(self, request: web.Request) -> web.Response:
        """The agents that use a document."""
        users = dependents(self._account, _USED, self._document(request)["id"])
        kind = request.query.get("dependent_type", "all")
        if kind not in ("direct", "transitive", "all"):
            raise Invalid("query.dependent_type", "Input should be 'direct', 'transitive' or 'all'", "enum")
        rows: list[Row] = [(0, number, user) for number, user in enumerate(users if kind != "transitive" else ())]
        page, cursor = one_page(rows, request.query)
        return web.json_response(
            {"agents": page, "branches": [], "next_cursor": cursor, "has_more": cursor is not None}
        )

    # --- changing

    async def _change(self, request: web.Request) -> web.Response:
        """Another name or content; a file's content goes by `update-file`."""
        document = self._document(request)
        body = await read_object(request)
        name, content = field(body, "name", str), field(body, "content", str)
        return self._changed(document, name or document["name"], content, None)

    async def _change_file(self, request: web.Request) -> web.Response:
        """Another file in the place of a file."""
        document = self._document(request)
        if document["type"] != "file":
            raise Refusal(400, "validation_error", "invalid_document_type", "The document is no file.")
        file = _file(await _form(request))
        content = file.file.read().decode("utf-8", "replace")
        return self._changed(document, document["name"], content, file.filename)

    def _changed(self, document: dict[str, Any], name: str, content: str | None, filename: str | None) -> web.Response:
        """Keep what has changed; with other content the document has to be indexed again."""
        key = document["id"]
        metadata = {**document["metadata"], "last_updated_at_unix_secs": int(time.time())}
        hidden = None
        if content is not None:
            metadata["size_bytes"] = len(content.encode())
            hidden = {"content": content}
        changed = {**document, "name": name, "metadata": metadata}
        if filename is not None:
            changed["filename"] = filename
        self._account.knowledge.put(key, changed, hidden)
        return self._shown(key)

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget a document; one that agents use only with force, which takes it out of them."""
        self._remove(self._document(request)["id"], force=is_on(request.query, "force"))
        return web.json_response({})

    def _remove(self, key: str, *, force: bool) -> None:
        users = dependents(self._account, _USED, key)
        if users and not force:
            raise in_use("document", [user["id"] for user in users])
        release(self._account, _USED, key)
        self._account.knowledge.remove(key)

    async def _delete_many(self, request: web.Request) -> web.Response:
        """Forget several; each has an answer of its own."""
        body = await read_object(request)
        force = bool(field(body, "force", bool))
        answer: dict[str, Any] = {}
        for key in field(body, "document_ids", list, required=True):
            if key not in self._account.knowledge:
                answer[key] = no_such("document")
                continue
            try:
                self._remove(key, force=force)
                answer[key] = {"status": "success", "data": {"id": key}}
            except Refusal as refused:
                answer[key] = {
                    "status": "failure",
                    "error_code": refused.status,
                    "error_status": refused.code,
                    "error_message": str(refused),
                }
        return web.json_response(answer)


def _name(body: Mapping[str, Any]) -> str:
    """The name that is asked for, or "".

    Raises:
        Invalid: an empty one.
    """
    name = body.get("name")
    if name is None:
        return ""
    if not isinstance(name, str):
        raise Invalid("body.name", "Input should be a valid string", "string_type")
    if not name:
        raise Invalid("body.name", "String should have at least 1 character", "string_too_short")
    return name


async def _form(request: web.Request) -> Mapping[str, Any]:
    """The fields of a form."""
    if not request.content_type.startswith("multipart/"):
        raise missing("body.file")
    try:
        return await request.post()
    except ValueError as error:
        raise Invalid("body", "The form cannot be read", "form_invalid") from error


def _file(form: Mapping[str, Any]) -> FileField:
    """The file of a form."""
    file = form.get("file")
    if not isinstance(file, FileField):
        raise missing("body.file")
    return file
