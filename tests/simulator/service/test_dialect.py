import pytest
from aiohttp import WSMessage, WSMsgType

from ivr_bridge.simulator.service.dialect import Dialect
from ivr_bridge.simulator.service.inbox import BadMessage


def test_todays_is_written_and_read_as_it_is():
    dialect = Dialect()
    assert dialect.begins_with_client_data
    assert dialect.interrupts_by_itself
    assert dialect.write({"type": "ping"}) == {"type": "ping"}
    assert dialect.read(WSMessage(WSMsgType.TEXT, '{"type": "user_activity"}', "")) == {"type": "user_activity"}
    with pytest.raises(BadMessage):
        dialect.read(WSMessage(WSMsgType.TEXT, '{"type": "audio"}', ""))
