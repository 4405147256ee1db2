"""Apply killed at fifty points, before or after the vendor did what was asked: the next run ends the work."""

import random

import pytest

from ivr_bridge.agents.marks import document_name, read_tool_mark, tag_of
from tests.agents.fake_account import FakeAccount, Killed, prompt_of, tool_ids
from tests.agents.house import carry_out, known_document, plan_for, tools, wanted

KILLS = 50


def before() -> FakeAccount:
    """An account with a life of its own: things made by hand, and an older version of ours."""
    account = FakeAccount()
    account.tool_configs["tool_hand"] = {"type": "webhook", "name": "crm", "description": "By hand."}
    account.tool_configs["tool_free"] = {"type": "client", "name": "book_table", "description": "By hand."}
    prompt = {"prompt": "By hand.", "tool_ids": ["tool_hand", "tool_free"], "knowledge_base": [{"id": "doc_hand"}]}
    account.agent_documents["agent_hand"] = {
        "name": "By hand",
        "tags": ["theirs"],
        "conversation_config": {"agent": {"prompt": prompt}},
        "platform_settings": {},
    }
    account.documents["doc_ours"] = {"name": document_name("prices", "0123456789ab"), "type": "file"}
    account.documents["doc_hand"] = {"name": "By hand", "type": "text"}
    return account


async def older(account: FakeAccount) -> None:
    """Our agent as it was a while ago, with a tool of somebody else's added to it."""
    await carry_out(account, await plan_for(account, wanted(prompt="Be rude."), of=tools("Older.")))
    for agent in account.agent_documents.values():
        if tag_of("desk") in agent["tags"]:
            prompt_of(agent)["tool_ids"].append("tool_hand")
            prompt_of(agent)["knowledge_base"] = [{"id": "doc_hand", "name": "By hand", "type": "text"}]
    account.tool_configs["tool_001"]["description"] = "Changed by hand."
    account.requests.clear()


async def run(account: FakeAccount) -> None:
    """What `ivr-bridge agents apply` does: two agents, one of which is new, and a document."""
    agents = (
        wanted(knowledge=["prices"], first_message={"en": "Hi.", "es": "Hola."}),
        wanted("night", tools=["hang_up"]),
    )
    documents = known_document("prices")
    await carry_out(account, await plan_for(account, *agents, of=tools("Newer."), documents=documents))


def check(account: FakeAccount, hand: dict[str, object]) -> None:
    ours = {tag: [key for key, each in account.agent_documents.items() if tag in each["tags"]] for tag in TAGS}
    assert [len(ids) for ids in ours.values()] == [1, 1], "no agent is doubled or lost"
    marks = [mark for config in account.tool_configs.values() if (mark := read_tool_mark(config))]
    assert sorted(mark.name for mark in marks) == ["book_table", "hang_up"], "no tool is doubled, lost, or left over"
    desk = account.agent_documents[ours[TAGS[0]][0]]
    names = [account.tool_configs[each]["name"] for each in tool_ids(desk)]
    assert sorted(names) == ["book_table", "crm", "hang_up"]
    assert [entry["id"] for entry in prompt_of(desk)["knowledge_base"]] == ["doc_hand", "doc_ours"]
    assert account.agent_documents["agent_hand"] == hand
    assert {"tool_hand", "tool_free"} <= account.tool_configs.keys()
    assert set(account.documents) == {"doc_ours", "doc_hand"}


TAGS = (tag_of("desk"), tag_of("night"))


async def n_requests() -> int:
    account = before()
    await older(account)
    await run(account)
    return len(account.requests)


@pytest.mark.parametrize("seed", range(KILLS))
async def test_killed_and_run_again(seed: int) -> None:
    random_of_this = random.Random(seed)
    account = before()
    await older(account)
    hand = account.state()["agents"]["agent_hand"]
    deaths = random_of_this.randint(1, 3)
    for _ in range(deaths):
        account.requests.clear()
        # Every request of a run is met in turn by some seed; later runs of one seed are killed anywhere.
        account.die_at = (
            1 + (seed * 7 + random_of_this.randrange(3)) % await n_requests(),
            ("before", "after")[seed % 2],
        )
        try:
            await run(account)
        except Killed:
            continue
        break
    account.die_at = None
    account.requests.clear()
    await run(account)
    check(account, hand)
    account.requests.clear()
    await run(account)
    assert account.changes == [], "the work is at its end"


async def test_the_points_are_spread_over_the_whole_run() -> None:
    total = await n_requests()
    account = before()
    await older(account)
    await run(account)
    assert len(account.changes) >= 5, "there is something to be killed in"
    points = {1 + (seed * 7) % total for seed in range(KILLS)}
    assert len(points) == total, "each request is met"


async def test_killed_before_or_after_each_request_that_changes_something() -> None:
    account = before()
    await older(account)
    await run(account)
    numbers = [number for number, each in enumerate(account.requests, 1) if each in account.changes]
    for number in numbers:
        for moment in ("before", "after"):
            account = before()
            await older(account)
            hand = account.state()["agents"]["agent_hand"]
            account.die_at = (number, moment)
            with pytest.raises(Killed):
                await run(account)
            account.die_at = None
            await run(account)
            check(account, hand)
