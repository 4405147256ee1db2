"""The key's owner."""

from ivr_bridge.elevenlabs.rest.user import User
from tests.support.vendor_answers import VendorAnswers

PLAN = {"tier": "creator", "character_count": 90, "character_limit": 100, "status": "active", "currency": "usd"}


async def test_whose_key_it_is_and_no_key_is_printed():
    vendor = VendorAnswers(
        {"user_id": "u1", "subscription": PLAN, "first_name": "Ana", "xi_api_key": "sk_9", "xi_api_key_preview": "sk_9"}
    )
    account = await User(vendor.transport).get()
    assert (account.user_id, account.subscription.tier) == ("u1", "creator")
    assert "sk_9" not in repr(account)
    assert vendor.asked == [("GET /v1/user", {})]


async def test_what_is_left():
    vendor = VendorAnswers(PLAN, {**PLAN, "character_count": 130})
    user = User(vendor.transport)
    assert (await user.subscription()).characters_left == 10
    assert (await user.subscription()).characters_left == 0
    assert vendor.asked[0] == ("GET /v1/user/subscription", {})
