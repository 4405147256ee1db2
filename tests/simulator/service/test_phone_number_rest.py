from tests.simulator.service.asker import asking

PATH = "/v1/convai/phone-numbers"
NUMBER = {"provider": "twilio", "phone_number": "+15550100009", "label": "n", "sid": "AC1", "token": "t0ken"}
DESK = "agent_sandbox_desk"


async def test_import_assign_give_back():
    async with asking() as asker:
        one = f"{PATH}/{(await asker.good('POST', PATH, NUMBER))['phone_number_id']}"
        found = await asker.good("GET", one)
        assert (found["phone_number"], found["assigned_agent"]) == ("+15550100009", None)
        assert "t0ken" not in str(found)
        assigned = await asker.good("PATCH", one, {"agent_id": DESK, "label": "m"})
        assert (assigned["assigned_agent"]["agent_id"], assigned["label"]) == (DESK, "m")
        assert await asker.good("GET", f"{PATH}?agent_id={DESK}") == [assigned]
        assert await asker.good("GET", f"{PATH}?agent_id=other") == []
        assert (await asker.good("PATCH", one, {"agent_id": None}))["assigned_agent"] is None
        await asker.good("DELETE", one)
        assert await asker.refused("GET", one) == (404, "phone_number_not_found")


async def test_refusals():
    async with asking() as asker:
        assert await asker.refused("POST", PATH, {**NUMBER, "agent_id": "x"}) == (404, "agent_not_found")
        assert await asker.refused("POST", PATH, {**NUMBER, "provider": "exotel"}) == (422, "enum body.provider")
        for name in ("phone_number", "label", "sid", "token"):
            body = {key: value for key, value in NUMBER.items() if key != name}
            assert await asker.refused("POST", PATH, body) == (422, f"missing body.{name}")
