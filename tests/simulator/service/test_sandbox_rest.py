from tests.simulator.service.asker import asking

FAULTS = "/sandbox/rest-faults"


async def test_faults_come_and_go():
    async with asking() as asker:
        await asker.good("POST", FAULTS, {"match": "GET /v1/models", "fault": "busy_rate", "times": 1})
        (shown,) = (await asker.good("GET", FAULTS))["faults"]
        assert (shown["match"], shown["fault"], shown["times"]) == ("GET /v1/models", "busy_rate", 1)
        assert await asker.refused("GET", "/v1/models") == (429, "rate_limit_exceeded")
        await asker.good("GET", "/v1/models")
        await asker.good("POST", FAULTS, {"match": "* *", "fault": "quota"})
        assert await asker.good("DELETE", FAULTS) == {"faults": []}
        await asker.good("GET", "/v1/models")
        assert (await asker.ask("POST", FAULTS, {"match": "x"}))[0] == 400
        assert (await asker.ask("POST", FAULTS, data=b"no JSON"))[0] == 400


async def test_a_key_that_dies():
    async with asking(key=["k", "l"]) as asker:
        await asker.good("GET", "/v1/models")
        await asker.good("POST", "/sandbox/keys", {"dead": "k"})
        assert await asker.refused("GET", "/v1/models") == (401, "invalid_api_key")
        await asker.good("GET", "/v1/models", headers={"xi-api-key": "l"})
        await asker.good("POST", "/sandbox/keys", {"alive": "k"})
        await asker.good("GET", "/v1/models")


async def test_the_plan():
    async with asking() as asker:
        change = {"tier": "pro", "maximum_concurrent_requests": 2}
        assert (await asker.good("POST", "/sandbox/subscription", change))["tier"] == "pro"
        assert (await asker.good("GET", "/sandbox/subscription"))["tier"] == "pro"
        path = asker.server.make_url("/v1/text-to-speech/SandboxClara00000001?output_format=ulaw_8000")
        async with asker.session.post(path, json={"text": "Hi."}) as answer:
            assert answer.headers["maximum-concurrent-requests"] == "2"
