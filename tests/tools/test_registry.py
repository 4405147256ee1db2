import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.registry import ToolRegistry, tool
from ivr_bridge.tools.tool import read_tool


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.chdir(tmp_path)
    return tmp_path


BUILT_IN = (
    "hang_up", "get_call_info", "choose_option", "show_menu", "transfer_call", "send_digits", "switch_language",
)  # fmt: skip
HEAD = "from ivr_bridge.tools.registry import tool\n"


def test_without_a_module_there_are_the_built_in_tools() -> None:
    registry = ToolRegistry.from_module(None)
    assert registry.names == BUILT_IN
    assert registry.find("nothing") is None


def test_a_module_in_the_working_directory(operators: Path) -> None:
    (operators / "own_tools_a.py").write_text(
        HEAD
        + """
@tool
def one(n: int) -> int:
    "One."
    return n

@tool(name="deux", description="Two.")
async def two() -> None: ...

def not_a_tool(): ...

alias = one
"""
    )
    registry = ToolRegistry.from_module("own_tools_a")
    assert registry.names == (*BUILT_IN, "one", "deux")
    assert registry.schema("deux")["description"] == "Two."
    found = registry.find("one")
    assert found is not None
    assert found.function(3) == 3


def test_more_tools_come_last_and_share_the_names(operators: Path) -> None:
    def lookup() -> None:
        """Look up."""

    assert ToolRegistry.from_module(None, [read_tool(lookup)]).names == (*BUILT_IN, "lookup")
    mine = replace(read_tool(lookup, name="show_menu"), place="config/tools/menu.yaml")
    with pytest.raises(
        ConfigError, match=r"'show_menu' stands twice: .*builtin\.show_menu and config/tools/menu\.yaml"
    ):
        ToolRegistry.from_module(None, [mine])


def test_tools_imported_by_the_module_count_once(operators: Path) -> None:
    (operators / "own_tools_b.py").write_text(
        "from ivr_bridge.tools.builtin import hang_up\nfrom ivr_bridge.tools.demo import book_table\n"
    )
    assert ToolRegistry.from_module("own_tools_b").names == (*BUILT_IN, "book_table")


def test_two_tools_of_one_name(operators: Path) -> None:
    (operators / "own_tools_c.py").write_text(HEAD + "@tool\ndef hang_up() -> None:\n    'Mine.'\n")
    with pytest.raises(ConfigError, match=r"'hang_up' stands twice.*own_tools_c.*rename"):
        ToolRegistry.from_module("own_tools_c")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("", "no function marked with @tool"),
        ("def x(:", "cannot be imported: SyntaxError"),
        ("1/0", "cannot be imported: ZeroDivisionError: division by zero; see the fault by"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'; see the fault by"),
        (HEAD + "@tool\ndef x(a) -> None:\n    'X.'\n", "parameter 'a' needs a type hint"),
    ],
)
def test_a_module_that_cannot_be_used(operators: Path, source: str, what: str) -> None:
    (operators / "own_tools_d.py").write_text(source)
    sys.modules.pop("own_tools_d", None)
    with pytest.raises(ConfigError) as raised:
        ToolRegistry.from_module("own_tools_d")
    assert what in str(raised.value)


def test_a_module_that_is_not_there_says_where_to_put_it(operators: Path) -> None:
    for name in ("own_tools_nowhere", "own_tools_nowhere.inner"):
        with pytest.raises(ConfigError, match="put it where Python finds it"):
            ToolRegistry.from_module(name)


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    def double(n: int) -> int:
        """Double."""
        return 2 * n

    assert tool(double) is double
    assert tool(name="x")(double) is double
    assert double(4) == 8
