from tests.simulator.service.asker import asking

HOOKS, SETTINGS = "/v1/workspace/webhooks", "/v1/convai/settings"
HOOK = {"settings": {"auth_type": "hmac", "name": "h", "webhook_url": "https://example.com/w"}}


async def test_a_webhook_tells_its_secret_once():
    async with asking() as asker:
        made = await asker.good("POST", HOOKS, HOOK)
        assert made["webhook_secret"].startswith("wsec_")
        listed = await asker.good("GET", HOOKS)
        assert made["webhook_secret"] not in str(listed)
        one = f"{HOOKS}/{made['webhook_id']}"
        await asker.good("PATCH", one, {"is_disabled": True, "name": "i"})
        (hook,) = (await asker.good("GET", HOOKS))["webhooks"]
        assert (hook["name"], hook["is_disabled"]) == ("i", True)


async def test_settings_name_a_webhook_until_it_is_gone():
    async with asking() as asker:
        key = (await asker.good("POST", HOOKS, HOOK))["webhook_id"]
        change = {"webhooks": {"post_call_webhook_id": key, "events": ["transcript", "audio"]}}
        changed = await asker.good("PATCH", SETTINGS, change)
        assert changed["webhooks"]["post_call_webhook_id"] == key
        assert changed["rag_retention_period_days"] == 10
        assert await asker.good("GET", SETTINGS) == changed
        await asker.good("DELETE", f"{HOOKS}/{key}")
        assert (await asker.good("GET", SETTINGS))["webhooks"]["post_call_webhook_id"] is None


async def test_refusals():
    async with asking() as asker:
        for body, found in (
            ({"webhooks": {"events": ["x"]}}, (422, "enum body.webhooks.events")),
            ({"webhooks": {"post_call_webhook_id": "x"}}, (404, "webhook_not_found")),
        ):
            assert await asker.refused("PATCH", SETTINGS, body) == found
        oauth = {"settings": {**HOOK["settings"], "auth_type": "oauth2"}}
        assert await asker.refused("POST", HOOKS, oauth) == (422, "literal_error body.settings.auth_type")
        unnamed = {"settings": {"auth_type": "hmac", "webhook_url": "https://example.com"}}
        assert await asker.refused("POST", HOOKS, unnamed) == (422, "missing body.settings.name")
        assert await asker.refused("DELETE", f"{HOOKS}/x") == (404, "webhook_not_found")
