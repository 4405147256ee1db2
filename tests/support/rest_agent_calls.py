"""Calls that are about agents: what they are, know and can do, and the conversations they held."""

from pathlib import Path
from typing import Any

from elevenlabs import ToolRequestModel, ToolRequestModelToolConfig_Client

from tests.support.rest_call import Call

A_FILE = Path(__file__).resolve().parents[2] / "README.md"
AGENT = {
    "agent": {"first_message": "Hello", "language": "es", "prompt": {"prompt": "Be brief.", "llm": "gpt-4o-mini"}},
    "tts": {"model_id": "eleven_flash_v2_5", "agent_output_audio_format": "ulaw_8000", "voice_id": "v1"},
    "asr": {"user_input_audio_format": "ulaw_8000"},
}
TOOL: dict[str, Any] = {
    "type": "client",
    "name": "look_up",
    "description": "Looks an order up.",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "string", "description": "Its number."}},
        "required": ["order"],
    },
    "expects_response": True,
    "response_timeout_secs": 20,
}
FILTERS: dict[str, Any] = {
    "agent_id": "a",
    "call_successful": "success",
    "call_start_after_unix": 1_790_000_000,
    "call_duration_min_secs": 3,
    "has_feedback_comment": True,
    "tool_names": ["x", "y"],
    "exclude_statuses": ["processing"],
    "summary_mode": "include",
}


def _agents() -> list[Call]:
    return [
        Call(
            "agents.create",
            lambda c: c.agents.create({"conversation_config": AGENT, "name": "Desk", "tags": ["t"]}),
            lambda s: s.conversational_ai.agents.create(conversation_config=AGENT, name="Desk", tags=["t"]),  # type: ignore[arg-type]
        ),
        Call("agents.get", lambda c: c.agents.get("a"), lambda s: s.conversational_ai.agents.get("a")),
        Call(
            "agents.list",
            lambda c: c.agents.list(search="De", archived=False, sort_by="name", sort_direction="asc"),
            lambda s: s.conversational_ai.agents.list(
                page_size=100, search="De", archived=False, sort_by="name", sort_direction="asc"
            ),
        ),
        Call(
            "agents.update",
            lambda c: c.agents.update("a", {"name": "Night", "tags": ["t"]}, branch_id="b"),
            lambda s: s.conversational_ai.agents.update("a", branch_id="b", name="Night", tags=["t"]),
        ),
        Call(
            "agents.delete",
            lambda c: c.agents.delete("a", force=True),
            lambda s: s.conversational_ai.agents.delete("a", force=True),
            newer=("query force: not known",),
        ),
        Call(
            "agents.duplicate",
            lambda c: c.agents.duplicate("a", name="Copy"),
            lambda s: s.conversational_ai.agents.duplicate("a", name="Copy"),
        ),
    ]


def _conversations() -> list[Call]:
    return [
        Call(
            "conversations.get_signed_url",
            lambda c: c.conversations.get_signed_url("a", include_conversation_id=True),
            lambda s: s.conversational_ai.conversations.get_signed_url(agent_id="a", include_conversation_id=True),
        ),
        Call(
            "conversations.list",
            lambda c: c.conversations.list(**FILTERS),
            lambda s: s.conversational_ai.conversations.list(page_size=100, **FILTERS),
        ),
        Call(
            "conversations.get",
            lambda c: c.conversations.get("c"),
            lambda s: s.conversational_ai.conversations.get("c"),
        ),
        Call(
            "conversations.delete",
            lambda c: c.conversations.delete("c"),
            lambda s: s.conversational_ai.conversations.delete("c"),
        ),
        Call(
            "conversations.audio",
            lambda c: c.conversations.audio("c"),
            lambda s: s.conversational_ai.conversations.audio.get("c"),
        ),
        Call(
            "conversations.save_audio",
            lambda c: c.conversations.save_audio("c", Path("c.mp3")),
            lambda s: s.conversational_ai.conversations.audio.get("c"),
        ),
        Call(
            "conversations.give_feedback",
            lambda c: c.conversations.give_feedback("c", "like"),
            lambda s: s.conversational_ai.conversations.feedback.create("c", feedback="like"),
        ),
    ]


def _knowledge() -> list[Call]:
    return [
        Call(
            "knowledge_base.list",
            lambda c: c.knowledge_base.list(search="x", types=["file", "url"], sort_by="name", sort_direction="asc"),
            lambda s: s.conversational_ai.knowledge_base.list(
                page_size=100, search="x", types=["file", "url"], sort_by="name", sort_direction="asc"
            ),
        ),
        Call(
            "knowledge_base.get",
            lambda c: c.knowledge_base.get("d"),
            lambda s: s.conversational_ai.knowledge_base.documents.get("d"),
        ),
        Call(
            "knowledge_base.content",
            lambda c: c.knowledge_base.content("d"),
            lambda s: s.conversational_ai.knowledge_base.documents.get_content("d"),
        ),
        Call(
            "knowledge_base.create_from_url",
            lambda c: c.knowledge_base.create_from_url("https://example.com", name="n", enable_auto_sync=True),
            lambda s: s.conversational_ai.knowledge_base.documents.create_from_url(
                url="https://example.com", name="n", enable_auto_sync=True
            ),
        ),
        Call(
            "knowledge_base.create_from_text",
            lambda c: c.knowledge_base.create_from_text("9 to 5", name="n"),
            lambda s: s.conversational_ai.knowledge_base.documents.create_from_text(text="9 to 5", name="n"),
        ),
        Call(
            "knowledge_base.create_from_file",
            lambda c: c.knowledge_base.create_from_file(A_FILE, name="n", parent_folder_id="f"),
            lambda s: s.conversational_ai.knowledge_base.documents.create_from_file(
                file=(A_FILE.name, A_FILE.read_bytes()), name="n", parent_folder_id="f"
            ),
        ),
        Call(
            "knowledge_base.update",
            lambda c: c.knowledge_base.update("d", name="n", content="x"),
            lambda s: s.conversational_ai.knowledge_base.documents.update("d", name="n", content="x"),
        ),
        Call(
            "knowledge_base.update_file",
            lambda c: c.knowledge_base.update_file("d", A_FILE),
            lambda s: s.conversational_ai.knowledge_base.document.update_file(
                "d", file=(A_FILE.name, A_FILE.read_bytes())
            ),
        ),
        Call(
            "knowledge_base.delete",
            lambda c: c.knowledge_base.delete("d", force=True),
            lambda s: s.conversational_ai.knowledge_base.documents.delete("d", force=True),
        ),
        Call(
            "knowledge_base.dependent_agents",
            lambda c: c.knowledge_base.dependent_agents("d", dependent_type="direct"),
            lambda s: s.conversational_ai.knowledge_base.documents.get_agents(
                "d", dependent_type="direct", page_size=100
            ),
        ),
        Call(
            "knowledge_base.start_index",
            lambda c: c.knowledge_base.start_index("d", "e5_mistral_7b_instruct"),
            lambda s: s.conversational_ai.knowledge_base.document.compute_rag_index(
                "d", model="e5_mistral_7b_instruct"
            ),
        ),
        Call(
            "knowledge_base.index",
            lambda c: c.knowledge_base.index("d", model="e5_mistral_7b_instruct"),
            lambda s: s.conversational_ai.knowledge_base.document.compute_rag_index(
                "d", model="e5_mistral_7b_instruct"
            ),
        ),
        Call(
            "knowledge_base.indexes",
            lambda c: c.knowledge_base.indexes("d"),
            lambda s: s.conversational_ai.get_document_rag_indexes("d"),
        ),
        Call(
            "knowledge_base.delete_index",
            lambda c: c.knowledge_base.delete_index("d", "i"),
            lambda s: s.conversational_ai.delete_document_rag_index("d", "i"),
        ),
    ]


def _tools_and_secrets() -> list[Call]:
    body = ToolRequestModel(
        tool_config=ToolRequestModelToolConfig_Client(**{k: v for k, v in TOOL.items() if k != "type"})
    )
    return [
        Call(
            "tools.list",
            lambda c: c.tools.list(search="x", types=["client", "webhook"], sort_by="name"),
            lambda s: s.conversational_ai.tools.list(
                page_size=100, search="x", types=["client", "webhook"], sort_by="name"
            ),
        ),
        Call("tools.get", lambda c: c.tools.get("t"), lambda s: s.conversational_ai.tools.get("t")),
        Call("tools.create", lambda c: c.tools.create(TOOL), lambda s: s.conversational_ai.tools.create(request=body)),
        Call(
            "tools.update",
            lambda c: c.tools.update("t", TOOL),
            lambda s: s.conversational_ai.tools.update("t", request=body),
        ),
        Call(
            "tools.delete",
            lambda c: c.tools.delete("t", force=True),
            lambda s: s.conversational_ai.tools.delete("t", force=True),
        ),
        Call(
            "tools.dependent_agents",
            lambda c: c.tools.dependent_agents("t"),
            lambda s: s.conversational_ai.tools.get_dependent_agents("t", page_size=100),
        ),
        Call(
            "secrets.list",
            lambda c: c.secrets.list(search="x"),
            lambda s: s.conversational_ai.secrets.list(page_size=100, search="x"),
        ),
        Call("secrets.get", lambda c: c.secrets.get("s"), lambda s: s.conversational_ai.secrets.get("s")),
        Call(
            "secrets.create",
            lambda c: c.secrets.create("crm", "v"),
            lambda s: s.conversational_ai.secrets.create(name="crm", value="v"),
        ),
        Call(
            "secrets.update",
            lambda c: c.secrets.update("s", "crm", "v"),
            lambda s: s.conversational_ai.secrets.update("s", name="crm", value="v"),
        ),
        Call("secrets.delete", lambda c: c.secrets.delete("s"), lambda s: s.conversational_ai.secrets.delete("s")),
    ]


AGENT_CALLS = [*_agents(), *_conversations(), *_knowledge(), *_tools_and_secrets()]
