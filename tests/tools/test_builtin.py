import pytest

from ivr_bridge.tools import builtin
from ivr_bridge.tools.builtin import get_call_info, hang_up
from ivr_bridge.tools.registry import ToolRegistry
from tests.tools.bench import Bench
from tests.tools.fakes import Control


async def test_hang_up_asks_the_call_to_end_after_playout() -> None:
    control = Control()
    assert "after your last words" in await hang_up(control)
    assert len(control.threads) == 1


async def test_get_call_info() -> None:
    assert await get_call_info(Control()) == {
        "call_sid": "CA1",
        "caller": "+15550100001",
        "called": "+15550100002",
        "started_at": "2026-11-21T10:00:00+00:00",
        "duration_s": 12.5,
        "language": "en",
        "conversation_id": "conv_1",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "answer", "is_error"),
    [
        ("choose_option", {"option": "billing"}, "The caller is taken to bills and payments.", False),
        ("choose_option", {"option": "spaceflight"}, "There is no such option; there are: billing.", True),
        ("choose_option", {}, "I still need a valid value for: option.", True),
        ("show_menu", {}, "The menu is open again.", False),
        ("transfer_call", {"to": "desk", "reason": "a wet parcel"}, "The caller is put through: a wet parcel", False),
        ("transfer_call", {}, "The caller is put through: ", False),
        ("transfer_call", {"to": "+15550100"}, "There is no such place; there are: desk.", True),
        ("send_digits", {"digits": "12"}, "Pressed by tones.", False),
        ("send_digits", {"digits": "12", "mode": "carrier"}, "Pressed by carrier.", False),
        ("send_digits", {"digits": "x"}, "Those are no keys.", True),
        ("send_digits", {"digits": "1", "mode": "loudly"}, "I still need a valid value for: mode.", True),
        ("switch_language", {"language": "es"}, "The call goes on in es.", False),
        ("switch_language", {"language": "fr"}, "I still need a valid value for: language.", True),
    ],
)
async def test_what_changes_the_call(name: str, arguments: dict[str, object], answer: str, is_error: bool) -> None:
    bench = Bench(getattr(builtin, name))
    assert await bench.one(name, **arguments) == (answer, is_error)


def test_what_the_agent_is_asked_for() -> None:
    registry = ToolRegistry.from_module(None)
    properties = {name: registry.schema(name)["parameters"]["properties"] for name in registry.names}
    assert {name: list(inner) for name, inner in properties.items()} == {
        "hang_up": [],
        "get_call_info": [],
        "choose_option": ["option"],
        "show_menu": [],
        "transfer_call": ["to", "reason"],
        "send_digits": ["digits", "mode"],
        "switch_language": ["language"],
    }
    assert properties["switch_language"]["language"]["enum"] == ["en", "es", "zh"]
