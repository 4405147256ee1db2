import io

from rich.console import Console

from ivr_bridge.agents.difference import change
from ivr_bridge.agents.plan import AgentStep, Plan, Remark, ToolRef, ToolStep
from ivr_bridge.cli.agents_view import plan_json, show_plan

PROMPT = ("conversation_config", "agent", "prompt", "prompt")


def step(*changes: tuple[tuple[str, ...], object, object], agent_id: str | None = "agent_1") -> AgentStep:
    refs = (ToolRef("hang_up", None),)
    return AgentStep("desk", agent_id, {}, tuple(change(*each) for each in changes), refs, False, (), False)


def shown(plan: Plan) -> list[str]:
    console = Console(file=io.StringIO(), width=200, highlight=False, emoji=False, soft_wrap=True, markup=False)
    show_plan(console, plan)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_nothing_to_do() -> None:
    assert shown(Plan(agents=(step(),))) == ["agent desk  agent_1  as it should be", "nothing to do"]
    assert plan_json(Plan())["differs"] is False


def test_in_the_order_in_which_it_is_done() -> None:
    plan = Plan(
        tools=(ToolStep("make", "a", None, {}), ToolStep("mend", "b", "tool_b", {})),
        agents=(step(agent_id=None), step((PROMPT, "x", "y"))),
        removals=(ToolStep("remove", "a", "tool_a", {}),),
        remarks=(Remark("note", "so it is", "nothing"),),
    )
    lines = shown(plan)
    assert lines[0] == "tool a  make"
    assert lines[1].startswith("tool b  tool_b  set right  somebody changed it")
    assert lines[2] == "agent desk  make"
    assert "ELEVENLABS_AGENT_ID" in lines[3]
    assert "hang_up" in lines[3]
    assert lines[5] == "  caution conversation_config.agent.prompt.prompt  x -> y"
    assert lines[-3].startswith("tool a  tool_a  remove")
    assert lines[-2] == "note  so it is; nothing"
    assert lines[-1] == "5 steps, caution"


def test_a_long_text_as_the_lines_that_change() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    lines = shown(Plan(agents=(step((PROMPT, before, before.replace("line 7", "[bold]line 7[/bold]"))),)))
    assert "    -line 7" in lines
    assert "    +[bold]line 7[/bold]" in lines
    assert "    " + " line 6" in lines
    assert not any("line 12" in line for line in lines)
    from_nothing = shown(Plan(agents=(step((PROMPT, None, "a\nb")),)))
    assert {"    +a", "    +b"} <= set(from_nothing)


def test_errors_are_the_last_word() -> None:
    lines = shown(Plan(agents=(step((PROMPT, "x", "y")),), remarks=(Remark("error", "two agents", "take one"),)))
    assert lines[-2:] == ["error  two agents; take one", "1 error: nothing can be applied"]
    waiting = shown(Plan(remarks=(Remark("warning", "no document", "sync"),)))
    assert waiting == ["warning  no document; sync", "nothing to apply"]


def test_for_machines() -> None:
    plan = Plan(
        tools=(ToolStep("make", "a", None, {}),),
        agents=(step((("tools", "a"), None, "a:1"), (PROMPT, "x", "y")),),
        removals=(ToolStep("remove", "b", "tool_b", {}),),
    )
    answer = plan_json(plan)
    assert answer["steps"] == 3
    assert answer["tools"] == [
        {"name": "a", "id": None, "action": "make"},
        {"name": "b", "id": "tool_b", "action": "remove"},
    ]
    (agent,) = answer["agents"]
    assert (agent["action"], agent["level"]) == ("change", "caution")
    assert [each["path"] for each in agent["changes"]] == ["tools.a", ".".join(PROMPT)]
