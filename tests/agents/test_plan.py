import copy
from typing import Any

import pytest

from ivr_bridge.agents.marks import ContentMark, document_name, tag_of
from ivr_bridge.agents.plan import Plan
from tests.agents.fake_account import FakeAccount, prompt_of
from tests.agents.house import carry_out, known_document, plan_for, tools, wanted

HASH, OLD_HASH = "0123456789ab", "ba9876543210"


@pytest.fixture
async def account() -> FakeAccount:
    """With agent `desk` and both tools, made by a plan."""
    account = FakeAccount()
    await carry_out(account, await plan_for(account))
    account.requests.clear()
    return account


def by_hand(account: FakeAccount, name: str, kind: str = "client") -> str:
    """A tool that somebody made at the vendor, attached to the agent."""
    tool_id = account.new_id("tool")
    account.tool_configs[tool_id] = {"type": kind, "name": name, "description": "By hand."}
    attach(account, tool_id)
    return tool_id


def attach(account: FakeAccount, tool_id: str) -> None:
    (agent,) = account.agent_documents.values()
    prompt_of(agent)["tool_ids"].append(tool_id)


def changed(plan: Plan) -> dict[str, tuple[Any, Any]]:
    (agent,) = plan.agents
    return {change.place: (change.before, change.after) for change in agent.changes}


async def test_into_an_empty_account() -> None:
    plan = await plan_for(FakeAccount())
    assert [(step.action, step.name) for step in plan.tools] == [("make", "hang_up"), ("make", "book_table")]
    (agent,) = plan.agents
    assert (agent.action, agent.agent_id) == ("make", None)
    assert [(ref.name, ref.tool_id) for ref in agent.tool_refs] == [("hang_up", None), ("book_table", None)]
    assert (plan.removals, plan.remarks, plan.steps, plan.differs) == ((), (), 3, True)


async def test_nothing_to_do(account: FakeAccount) -> None:
    plan = await plan_for(account)
    assert (plan.steps, plan.differs, plan.agents[0].action) == (0, False, "none")


async def test_only_tools_that_an_agent_is_to_have() -> None:
    plan = await plan_for(FakeAccount(), wanted(tools=["hang_up"]))
    assert [step.name for step in plan.tools] == ["hang_up"]


async def test_a_changed_handler_is_made_new_and_the_old_tool_goes_last(account: FakeAccount) -> None:
    plan = await plan_for(account, of=tools("Another description."))
    old = next(key for key, config in account.tool_configs.items() if config["name"] == "book_table")
    assert [(step.action, step.name) for step in plan.tools] == [("make", "book_table")]
    (place, (before, after)), *_ = changed(plan).items()
    assert place == "tools.book_table"
    assert old in before
    assert after not in before
    assert plan.agents[0].changes[0].danger.level == "caution", "its arguments are the same"
    assert [(step.action, step.tool_id) for step in plan.removals] == [("remove", old)]


async def test_other_arguments_are_a_danger(account: FakeAccount) -> None:
    config = next(config for config in account.tool_configs.values() if config["name"] == "book_table")
    config["parameters"]["properties"] = {}
    plan = await plan_for(account, of=tools("Another description."))
    assert [(each.place, each.danger.level) for each in plan.agents[0].changes] == [("tools.book_table", "danger")]


async def test_what_somebody_changed_in_a_tool_of_ours_is_set_right(account: FakeAccount) -> None:
    tool_id = next(key for key, config in account.tool_configs.items() if config["name"] == "book_table")
    account.tool_configs[tool_id]["description"] = "Changed by hand."
    plan = await plan_for(account)
    assert [(step.action, step.tool_id) for step in plan.tools] == [("mend", tool_id)]
    assert plan.agents[0].action == "none"


async def test_a_tool_that_the_file_no_longer_names_is_taken_off(account: FakeAccount) -> None:
    plan = await plan_for(account, wanted(tools=["hang_up"]))
    assert list(changed(plan)) == ["tools.book_table"]
    assert changed(plan)["tools.book_table"][1] is None
    assert [ref.name for ref in plan.agents[0].tool_refs] == ["hang_up"]
    assert [step.name for step in plan.removals] == ["book_table"]


async def test_an_old_tool_that_another_agent_uses_stays(account: FakeAccount) -> None:
    account.agent_documents["agent_other"] = copy.deepcopy(account.agent_documents["agent_003"])
    account.agent_documents["agent_other"]["tags"] = ["somebody else's"]
    plan = await plan_for(account, of=tools("Another description."))
    assert plan.removals == ()
    assert [(remark.severity, "agent_other" in remark.text) for remark in plan.remarks] == [("note", True)]
    assert (await plan_for(account)).differs is False


async def test_two_tools_of_one_mark_become_one(account: FakeAccount) -> None:
    first = next(key for key, config in account.tool_configs.items() if config["name"] == "book_table")
    account.tool_configs["tool_000"] = copy.deepcopy(account.tool_configs[first])
    plan = await plan_for(account)
    assert (plan.tools, plan.agents[0].action) == ((), "none")
    assert [step.tool_id for step in plan.removals] == ["tool_000"], "the one that an agent uses stays"


async def test_tools_of_others_stay_where_they_are(account: FakeAccount) -> None:
    webhook = by_hand(account, "crm", "webhook")
    attach(account, "tool_that_the_key_may_not_see")
    plan = await plan_for(account, of=tools("Another description."))
    refs = plan.agents[0].tool_refs
    assert [ref.tool_id for ref in refs][2:] == [webhook, "tool_that_the_key_may_not_see"]
    assert plan.errors == ()


async def test_a_tool_made_by_hand_gives_way_to_the_handler_of_its_name(account: FakeAccount) -> None:
    (agent,) = account.agent_documents.values()
    prompt_of(agent)["tool_ids"].clear()
    tool_id = by_hand(account, "book_table")
    plan = await plan_for(account)
    assert changed(plan)["tools.book_table"][0] == f"{tool_id}, made by hand"
    assert tool_id not in [ref.tool_id for ref in plan.agents[0].tool_refs]
    assert plan.removals == ()
    assert plan.errors == ()


async def test_a_tool_that_nobody_here_answers_is_an_error(account: FakeAccount) -> None:
    by_hand(account, "open_door")
    plan = await plan_for(account)
    (error,) = plan.errors
    assert "'open_door'" in error.text
    assert plan.differs


@pytest.mark.parametrize("name", ["open_door", "book_table"])
async def test_tools_in_the_agent_itself_are_an_error(account: FakeAccount, name: str) -> None:
    (agent,) = account.agent_documents.values()
    prompt = prompt_of(agent)
    prompt["tools"] = [{"type": "client", "name": name}, {"type": "system", "name": "end_call"}]
    if name == "book_table":
        prompt["tool_ids"].clear()
    plan = await plan_for(account)
    assert [f"{name!r}" in error.text for error in plan.errors] == [True]


async def test_copies_of_attached_tools_are_no_error(account: FakeAccount) -> None:
    (agent,) = account.agent_documents.values()
    prompt_of(agent)["tools"] = [{"type": "client", "name": "book_table"}]
    assert (await plan_for(account)).differs is False


async def test_two_agents_of_one_tag_are_an_error(account: FakeAccount) -> None:
    account.agent_documents["agent_twin"] = {**account.agent_documents["agent_003"]}
    plan = await plan_for(account)
    (error,) = plan.errors
    assert "agent_003" in error.text
    assert "agent_twin" in error.text
    assert plan.agents == ()


async def test_two_tags_on_one_agent_are_an_error(account: FakeAccount) -> None:
    account.agent_documents["agent_003"]["tags"] = [tag_of("desk"), tag_of("night")]
    plan = await plan_for(account)
    assert any("two of our tags" in error.text for error in plan.errors)


async def test_an_agent_without_a_file_is_left_alone(account: FakeAccount) -> None:
    plan = await plan_for(account, wanted("night"))
    assert [remark.severity for remark in plan.remarks] == ["note"]
    assert "agent_003" in plan.remarks[0].text
    assert [step.action for step in plan.agents] == ["make"]


async def test_an_archived_agent_is_as_good_as_none(account: FakeAccount) -> None:
    account.agent_documents["agent_003"]["platform_settings"]["archived"] = True
    assert (await plan_for(account)).agents[0].action == "make"


class TestKnowledge:
    @staticmethod
    def document(account: FakeAccount, name: str, hash_12: str = HASH) -> str:
        document_id = account.new_id("doc")
        account.documents[document_id] = {"name": document_name(name, hash_12), "type": "file"}
        return document_id

    @staticmethod
    def knows(account: FakeAccount, *entries: dict[str, Any]) -> None:
        (agent,) = account.agent_documents.values()
        prompt_of(agent)["knowledge_base"] = list(entries)

    @staticmethod
    def entry(document_id: str, name: str, hash_12: str = HASH, usage_mode: str = "auto") -> dict[str, Any]:
        return {"type": "file", "id": document_id, "name": document_name(name, hash_12), "usage_mode": usage_mode}

    async def test_a_document_is_joined_to_its_agent(self, account: FakeAccount) -> None:
        foreign = {"type": "text", "id": "doc_by_hand", "name": "By hand", "usage_mode": "prompt"}
        self.knows(account, foreign)
        document_id = self.document(account, "prices")
        plan = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
        assert plan.agents[0].knowledge == (foreign, self.entry(document_id, "prices"))
        assert list(changed(plan)) == ["knowledge.prices"]

    async def test_one_that_is_not_there_waits_for_sync(self, account: FakeAccount) -> None:
        old = self.document(account, "prices", OLD_HASH)
        self.knows(account, self.entry(old, "prices", OLD_HASH))
        plan = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
        assert [(each.severity, each.remedy) for each in plan.remarks] == [("warning", "ivr-bridge knowledge sync")]
        assert (plan.steps, plan.differs) == (0, True)
        assert plan.agents[0].knowledge == (self.entry(old, "prices", OLD_HASH),)

    async def test_an_old_version_gives_way(self, account: FakeAccount) -> None:
        old, new = self.document(account, "prices", OLD_HASH), self.document(account, "prices")
        self.knows(account, self.entry(old, "prices", OLD_HASH))
        plan = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
        assert plan.agents[0].knowledge == (self.entry(new, "prices"),)
        assert plan.agents[0].knowledge_changed

    async def test_of_two_copies_the_agent_keeps_the_one_it_has(self, account: FakeAccount) -> None:
        first, second = self.document(account, "prices"), self.document(account, "prices")
        for document_id in (first, second):
            self.knows(account, self.entry(document_id, "prices"))
            plan = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
            assert not plan.differs

    async def test_how_it_is_used_counts(self, account: FakeAccount) -> None:
        document_id = self.document(account, "prices")
        self.knows(account, self.entry(document_id, "prices"))
        as_it_is = await plan_for(account, wanted(knowledge=["prices"]), documents=known_document("prices"))
        assert not as_it_is.differs
        whole = await plan_for(
            account, wanted(knowledge=["prices"]), documents=known_document("prices", HASH, "prompt")
        )
        assert whole.agents[0].knowledge == (self.entry(document_id, "prices", usage_mode="prompt"),)

    async def test_one_that_the_file_no_longer_names_is_taken_off(self, account: FakeAccount) -> None:
        self.knows(account, self.entry(self.document(account, "prices"), "prices"))
        plan = await plan_for(account)
        assert changed(plan)["knowledge.prices"][1] is None
        assert plan.agents[0].knowledge == ()


def test_a_mark_reads_as_it_stands_at_the_vendor() -> None:
    assert str(ContentMark("prices", HASH)) == f"prices:{HASH}"
