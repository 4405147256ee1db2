from ivr_bridge.tools.builtin import get_call_info, hang_up
from ivr_bridge.tools.registry import ToolRegistry
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


def test_neither_asks_the_agent_for_anything() -> None:
    registry = ToolRegistry.from_module(None)
    for name in registry.names:
        assert registry.schema(name)["parameters"]["properties"] == {}
