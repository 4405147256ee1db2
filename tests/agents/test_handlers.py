from pathlib import Path

import pytest

from ivr_bridge.agents.handlers import http_handlers, read_handlers, registered
from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.registry import ToolRegistry

ORDERS = """name: order_status
description: Looks up an order.
url: https://shop.example.com/{order}
headers:
  Authorization: Bearer ${NOT_SET_ANYWHERE}
parameters: {type: object, properties: {order: {type: string}}, required: [order]}
"""


def with_tool(folder: Path, text: str = ORDERS, name: str = "orders.yaml") -> Path:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / name).write_text(text)
    return folder


def test_all_tools_of_this_server(tmp_path: Path) -> None:
    handlers = read_handlers(with_tool(tmp_path), "ivr_bridge.tools.demo")
    names = [handler.name for handler in handlers]
    assert names[-2:] == ["book_table", "order_status"]
    assert "hang_up" in names
    order = handlers[-1]
    assert order.schema["parameters"]["required"] == ["order"]
    assert order.place.endswith("orders.yaml")
    assert handlers[0].place.startswith("ivr_bridge.tools.builtin.")


def test_no_folder_holds_none(tmp_path: Path) -> None:
    assert http_handlers(tmp_path) == ()
    assert [each.name for each in read_handlers(tmp_path, None)] == list(ToolRegistry.from_module(None).names)


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with_tool(tmp_path, "name: x\n")
    with_tool(tmp_path, "[", ".orders.yaml.swp.yaml")
    with pytest.raises(ConfigError, match="description"):
        http_handlers(tmp_path)


def test_two_of_one_name(tmp_path: Path) -> None:
    with_tool(tmp_path, ORDERS.replace("order_status", "hang_up"))
    with pytest.raises(ConfigError, match="stands twice"):
        read_handlers(tmp_path, None)


def test_those_of_a_running_server() -> None:
    handlers = registered(ToolRegistry.from_module("ivr_bridge.tools.demo"))
    assert handlers[-1].schema["parameters"]["properties"].keys() == {"people", "day", "time"}
