import pytest

from ivr_bridge.agents.marks import document_name, tag_of
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.agents.fake_account import FakeAccount, prompt_of, tool_ids
from tests.agents.house import carry_out, known_document, plan_for, tools, wanted


async def made() -> FakeAccount:
    account = FakeAccount()
    await carry_out(account, await plan_for(account))
    account.requests.clear()
    return account


async def test_everything_is_made_in_the_order_that_needs_it() -> None:
    account = FakeAccount()
    done = await carry_out(account, await plan_for(account))
    assert account.changes == ["POST tool hang_up", "POST tool book_table", "POST agent Front desk"]
    assert [step.words for step in done] == ["tool hang_up made", "tool book_table made", "agent desk made"]
    (agent,) = account.agent_documents.values()
    assert agent["tags"] == [tag_of("desk")]
    assert tool_ids(agent) == ["tool_001", "tool_002"]
    assert "end_call" not in prompt_of(agent)["built_in_tools"]


async def test_the_second_time_there_is_nothing_to_do() -> None:
    account = await made()
    assert await carry_out(account, await plan_for(account)) == []
    assert account.changes == []


async def test_only_what_changes_is_sent() -> None:
    account = await made()
    (agent,) = account.agent_documents.values()
    agent["conversation_config"]["turn"] = {"turn_timeout": 3}
    before = account.state()
    await carry_out(account, await plan_for(account, wanted(prompt="Be brief.")))
    assert account.changes == ["PATCH agent agent_003"]
    prompt_of(before["agents"]["agent_003"])["prompt"] = "Be brief."
    assert account.state() == before


async def test_a_new_version_of_a_tool_takes_the_place_of_the_old_one() -> None:
    account = await made()
    done = await carry_out(account, await plan_for(account, of=tools("Another description.")))
    assert account.changes == ["POST tool book_table", "PATCH agent agent_003", "DELETE tool tool_002"]
    assert done[-1].words == "old tool book_table removed"
    assert sorted(account.tool_configs) == ["tool_001", "tool_004"]
    assert tool_ids(account.agent_documents["agent_003"]) == ["tool_001", "tool_004"]


async def test_a_tool_is_set_right_in_its_place() -> None:
    account = await made()
    before = account.state()
    account.tool_configs["tool_002"]["parameters"] = None
    await carry_out(account, await plan_for(account))
    assert account.changes == ["PATCH tool tool_002"]
    assert account.tool_configs["tool_002"].items() <= before["tools"]["tool_002"].items()


async def test_knowledge_is_joined() -> None:
    account = await made()
    account.documents["doc_1"] = {"name": document_name("prices", "0123456789ab"), "type": "file"}
    plan = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
    await carry_out(account, plan)
    (entry,) = prompt_of(account.agent_documents["agent_003"])["knowledge_base"]
    assert (entry["id"], entry["usage_mode"]) == ("doc_1", "auto")


async def test_an_old_tool_that_was_given_to_somebody_meanwhile_stays() -> None:
    account = await made()
    plan = await plan_for(account, of=tools("Another description."))
    account.agent_documents["agent_other"] = {"conversation_config": {"agent": {"prompt": {"tool_ids": ["tool_002"]}}}}
    done = await carry_out(account, plan)
    assert not done[-1].was_done
    assert "agent_other" in done[-1].words
    assert "tool_002" in account.tool_configs


@pytest.mark.parametrize(("status", "words"), [(404, "was removed already"), (400, "stays"), (409, "stays")])
async def test_a_removal_that_the_vendor_refuses_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    account = await made()
    plan = await plan_for(account, of=tools("Another description."))

    async def refuse(_tool_id: str) -> None:
        raise VendorRejected("no", status=status)

    monkeypatch.setattr(account.tools, "delete", refuse)
    assert words in (await carry_out(account, plan))[-1].words


async def test_another_failure_ends_it_and_what_was_done_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    account = await made()
    plan = await plan_for(account, of=tools("Another description."))

    async def fail(_tool_id: str) -> None:
        raise VendorFailed("no", status=500)

    with monkeypatch.context() as patched:
        patched.setattr(account.tools, "delete", fail)
        with pytest.raises(VendorFailed):
            await carry_out(account, plan)
    assert tool_ids(account.agent_documents["agent_003"]) == ["tool_001", "tool_004"]
    await carry_out(account, await plan_for(account, of=tools("Another description.")))
    assert sorted(account.tool_configs) == ["tool_001", "tool_004"]
