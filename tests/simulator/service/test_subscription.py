import pytest

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.refusals import Refusal
from ivr_bridge.simulator.service.subscription import (
    CONCURRENT,
    concurrency,
    plain_subscription,
    set_subscription,
    spend,
    subscription,
)


def test_what_is_set_is_shown():
    account = Account()
    assert (subscription(account)["tier"], concurrency(account)) == ("sandbox", 20)
    set_subscription(account, {"tier": "free", CONCURRENT: 3})
    assert (subscription(account)["tier"], concurrency(account)) == ("free", 3)
    assert CONCURRENT not in subscription(account)
    assert subscription(account)["character_limit"] == 1_000_000
    assert "open_invoices" in subscription(account)
    assert "open_invoices" not in plain_subscription(account)


def test_spending():
    account = Account()
    set_subscription(account, {"character_limit": 5})
    spend(account, 5)
    with pytest.raises(Refusal, match="0 credits remaining") as refused:
        spend(account, 1)
    assert refused.value.code == "quota_exceeded"
    assert subscription(account)["character_count"] == 5
