from tests.simulator.service.asker import asking

DAY_MS = 86_400_000
STATS = "/v1/usage/character-stats"


async def test_models_and_the_owner():
    async with asking() as asker:
        models = await asker.good("GET", "/v1/models")
        assert models[0]["model_id"] == "eleven_flash_v2_5"
        user = await asker.good("GET", "/v1/user")
        assert (user["user_id"], user["subscription"]["tier"]) == ("user_sandbox", "sandbox")


async def test_usage():
    async with asking() as asker:
        await asker.good("POST", "/sandbox/subscription", {"character_count": 7})
        stats = await asker.good("GET", f"{STATS}?start_unix={DAY_MS * 20000}&end_unix={DAY_MS * 20002}")
        assert stats["time"] == [DAY_MS * 20000, DAY_MS * 20001, DAY_MS * 20002]
        assert stats["usage"] == {"All": [0, 0, 7]}
        assert await asker.refused("GET", f"{STATS}?start_unix=1") == (422, "missing query.end_unix")
        assert (await asker.refused("GET", f"{STATS}?start_unix=x&end_unix=1"))[0] == 422
        assert (await asker.refused("GET", f"{STATS}?start_unix={DAY_MS * 2}&end_unix=1"))[0] == 422
        path = "/v1/workspace/analytics/query/usage-by-product-over-time"
        table = await asker.good("POST", path, {"start_time": 1577836800000, "end_time": 1577836800001})
        assert table["rows"] == [[1577836800001, "TTS", 7.0]]
        assert await asker.refused("POST", path, {}) == (422, "missing body.start_time")
