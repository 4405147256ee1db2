from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.conversation_record import ConversationRecord, document_of, fail_unfinished

DESK = AGENTS["agent_sandbox_desk"]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def begun() -> tuple[Account, Clock, ConversationRecord]:
    account, clock = Account(), Clock()
    record = ConversationRecord(account, DESK, "conv_1", "signed_url", clock)
    record.begin({"type": "conversation_initiation_client_data", "user_id": "u", "dynamic_variables": {"n": 1}})
    return account, clock, record


def test_from_beginning_to_end():
    account, clock, record = begun()
    document = account.conversations.get("conv_1")
    assert document is not None
    assert (document["status"], document["user_id"]) == ("in-progress", "u")
    assert document["conversation_initiation_client_data"]["dynamic_variables"] == {"n": 1}
    record.say("agent", "Hello, how can I help you?")
    clock.now += 3.5
    record.cut("Hello, how...")
    record.say("user", "What is my number?", medium="text")
    record.tool("get_call_info", "call_1", {"a": "ü"}, "5", is_error=False)
    record.language = "es"
    record.end(1000, "end_call", b"RIFF")
    ended = account.conversations.get("conv_1")
    assert ended is not None
    assert (ended["status"], ended["analysis"], ended["has_audio"]) == ("processing", None, True)
    metadata = ended["metadata"]
    assert (metadata["call_duration_secs"], metadata["main_language"], metadata["error"]) == (3, "es", None)
    first, second, third = ended["transcript"]
    assert (first["message"], first["original_message"]) == ("Hello, how...", "Hello, how can I help you?")
    assert (first["interrupted"], first["time_in_call_secs"]) == (True, 0)
    assert (second["role"], second["source_medium"], second["time_in_call_secs"]) == ("user", "text", 3)
    assert third["tool_calls"][0]["params_as_json"] == '{"a": "ü"}'
    assert third["tool_results"][0]["result_value"] == "5"
    settled = record.settle()
    assert settled is not None
    assert (settled["status"], settled["analysis"]["call_successful"]) == ("done", "success")
    assert account.conversations.hidden("conv_1") == {"audio": b"RIFF".hex()}


def test_one_that_fails():
    account, _, record = begun()
    record.end(1002, "LLM took too long")
    document = record.settle()
    assert document is not None
    assert (document["status"], document["analysis"]["call_successful"]) == ("failed", "failure")
    assert document["metadata"]["error"] == {"code": 1002, "reason": "LLM took too long"}
    assert account.conversations.get("conv_1") == document


def test_one_that_was_deleted_stays_deleted():
    account, _, record = begun()
    account.conversations.remove("conv_1")
    record.end(1000, "")
    assert record.settle() is None
    assert len(account.conversations) == 0


def test_what_a_killed_sandbox_left():
    account, _, _ = begun()
    kept = document_of("conv_2", DESK, status="done", authorization="public", client_data={})
    account.conversations.put("conv_2", kept)
    fail_unfinished(account)
    assert [document["status"] for document in account.conversations.documents()] == ["failed", "done"]
