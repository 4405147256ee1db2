from tests.simulator.service.asker import asking

PATH = "/v1/convai/secrets"


async def test_a_secrets_value_is_never_shown():
    async with asking() as asker:
        made = await asker.good("POST", PATH, {"type": "new", "name": "n", "value": "v4lue"})
        assert made == {"type": "stored", "secret_id": made["secret_id"], "name": "n"}
        one = f"{PATH}/{made['secret_id']}"
        for path in (PATH, one):
            assert "v4lue" not in str(await asker.good("GET", path))
        assert (await asker.good("PATCH", one, {"type": "update", "name": "m", "value": "w"}))["name"] == "m"
        assert [secret["name"] for secret in (await asker.good("GET", f"{PATH}?search=M"))["secrets"]] == ["m"]
        assert asker.account.secrets.hidden(made["secret_id"]) == {"value": "w"}
        assert await asker.ask("DELETE", one) == (204, b"")
        assert await asker.refused("GET", one) == (404, "secret_not_found")


async def test_one_that_a_tool_uses_stays():
    async with asking() as asker:
        made = await asker.good("POST", PATH, {"type": "new", "name": "n", "value": "v"})
        header = {"Authorization": {"secret_id": made["secret_id"]}}
        schema = {"url": "https://example.com", "request_headers": header}
        config = {"type": "webhook", "name": "t", "description": "x", "api_schema": schema}
        tool = await asker.good("POST", "/v1/convai/tools", {"tool_config": config})
        one = f"{PATH}/{made['secret_id']}"
        assert [user["id"] for user in (await asker.good("GET", one))["used_by"]["tools"]] == [tool["id"]]
        assert await asker.refused("DELETE", one) == (409, "secret_in_use")


async def test_what_is_no_secret():
    async with asking() as asker:
        assert await asker.refused("POST", PATH, {"type": "new", "name": "n"}) == (422, "missing body.value")
        body = {"type": "update", "name": "n", "value": "v"}
        assert await asker.refused("POST", PATH, body) == (422, "literal_error body.type")
