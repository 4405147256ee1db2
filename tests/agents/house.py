"""What most tests of agents as code begin with: a file, a few handlers, and a plan carried out."""

from typing import Any

from ivr_bridge.agents.agent_file import AgentFile
from ivr_bridge.agents.apply import Done, apply
from ivr_bridge.agents.desired import WantedAgent, WantedDocument, wanted_agent
from ivr_bridge.agents.found import read_found
from ivr_bridge.agents.handlers import Handler
from ivr_bridge.agents.marks import ContentMark
from ivr_bridge.agents.plan import Plan, make_plan
from ivr_bridge.agents.tool_config import WantedTool, wanted_tool
from tests.agents.fake_account import FakeAccount


def agent_file(**fields: Any) -> AgentFile:
    given: dict[str, Any] = {"name": "Front desk", "prompt": "Be kind.", "first_message": {"en": "Hello."}, **fields}
    return AgentFile.model_validate(given)


def wanted(name: str = "desk", *handlers: str, **fields: Any) -> WantedAgent:
    file = agent_file(**fields)
    return wanted_agent(name, file, file.prompt or "", handlers or ("hang_up", "book_table"))


def handler(name: str, description: str = "Does it.", **properties: Any) -> Handler:
    parameters = {"type": "object", "required": list(properties), "properties": properties}
    return Handler(name, {"name": name, "description": description, "parameters": parameters}, f"my_tools.{name}")


PEOPLE = {"type": "integer", "description": "how many"}


def tools(description: str = "Does it.") -> tuple[WantedTool, ...]:
    """Of `hang_up` and `book_table`; another description makes another version of the second."""
    handlers = (handler("hang_up"), handler("book_table", description, people=PEOPLE))
    return tuple(wanted_tool(each.schema, 15) for each in handlers)


def known_document(name: str, hash_12: str = "0123456789ab", usage_mode: str = "auto") -> dict[str, WantedDocument]:
    return {name: WantedDocument(ContentMark(name, hash_12), usage_mode)}


async def plan_for(
    account: FakeAccount,
    *agents: WantedAgent,
    of: tuple[WantedTool, ...] | None = None,
    documents: dict[str, WantedDocument] | None = None,
) -> Plan:
    found = await read_found(account, knowledge=True)  # type: ignore[arg-type]
    return make_plan(agents or (wanted(),), tools() if of is None else of, documents or {}, found)


async def carry_out(account: FakeAccount, plan: Plan) -> list[Done]:
    return [step async for step in apply(account, plan)]  # type: ignore[arg-type]
