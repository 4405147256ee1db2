from typing import Any

import pytest

from tests.simulator.service.asker import Asker, asking

PATH = "/v1/convai/twilio/outbound-call"
NUMBER = {"provider": "twilio", "phone_number": "+15550100009", "label": "n", "sid": "AC1", "token": "t"}


async def call(asker: Asker, **more: Any) -> dict[str, Any]:
    made = await asker.good("POST", "/v1/convai/phone-numbers", {**NUMBER, **more})
    number = made["phone_number_id"]
    return {"agent_id": "agent_sandbox_desk", "agent_phone_number_id": number, "to_number": "+15550100001"}


async def test_each_request_is_a_call_of_its_own():
    async with asking() as asker:
        body = await call(asker)
        placed = [await asker.good("POST", PATH, body) for _ in range(2)]
        assert all(one["success"] for one in placed)
        assert len({one["callSid"] for one in placed}) == 2
        assert asker.log.counts[f"POST {PATH}"] == 2
        found = await asker.good("GET", f"/v1/convai/conversations/{placed[0]['conversation_id']}")
        assert found["metadata"]["phone_call"]["external_number"] == "+15550100001"
        rows = (await asker.good("GET", "/v1/convai/conversations"))["conversations"]
        assert [row["direction"] for row in rows] == ["outbound", "outbound"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"agent_id": "x"}, (404, "agent_not_found")),
        ({"agent_phone_number_id": "x"}, (404, "phone_number_not_found")),
        ({"to_number": 5}, (422, "string_type body.to_number")),
    ],
)
async def test_refusals(change: dict[str, Any], found: tuple[int, str]):
    async with asking() as asker:
        assert await asker.refused("POST", PATH, {**await call(asker), **change}) == found
        assert len(asker.account.conversations) == 0


async def test_numbers_and_agents_that_cannot():
    async with asking(output_format="pcm_16000") as asker:
        assert await asker.refused("POST", PATH, await call(asker)) == (400, "input_invalid")
    async with asking() as asker:
        assert await asker.refused("POST", PATH, await call(asker, supports_outbound=False)) == (400, "input_invalid")
