"""What the account pays for and has used: tests set it, doctors read it, speech counts on it."""

from typing import Any

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.refusals import Refusal

_KEY = "subscription"
_FRESH: dict[str, Any] = {
    "tier": "sandbox",
    "character_count": 0,
    "character_limit": 1_000_000,
    "max_character_limit_extension": None,
    "max_credit_limit_extension": 0,
    "can_extend_character_limit": False,
    "allowed_to_extend_character_limit": False,
    "next_character_count_reset_unix": 1_798_761_600,
    "voice_slots_used": 0,
    "professional_voice_slots_used": 0,
    "professional_voice_slots_used_in_workspace": 0,
    "voice_limit": 10,
    "voice_add_edit_counter": 0,
    "professional_voice_limit": 0,
    "can_extend_voice_limit": False,
    "can_use_instant_voice_cloning": False,
    "can_use_professional_voice_cloning": False,
    "currency": None,
    "current_overage": {"amount": "0", "currency": "usd"},
    "status": "free",
    "billing_period": None,
    "character_refresh_period": None,
    "next_invoice": None,
    "open_invoices": [],
    "has_open_invoices": False,
}
_INVOICES = ("next_invoice", "open_invoices", "has_open_invoices")
CONCURRENT = "maximum_concurrent_requests"
"""Not the vendor's: what the header `maximum-concurrent-requests` says."""
_MOST_CONCURRENT = 20


def subscription(account: Account) -> dict[str, Any]:
    """The shape of GET /v1/user/subscription."""
    kept = account.settings.get(_KEY) or _FRESH
    return {name: value for name, value in kept.items() if name != CONCURRENT}


def plain_subscription(account: Account) -> dict[str, Any]:
    """The same without invoices, as GET /v1/user has it."""
    return {name: value for name, value in subscription(account).items() if name not in _INVOICES}


def concurrency(account: Account) -> int:
    """How many requests may run at once, as the answers' headers say."""
    return int((account.settings.get(_KEY) or {}).get(CONCURRENT, _MOST_CONCURRENT))


def set_subscription(account: Account, change: dict[str, Any]) -> None:
    """Change any field, `tier` or `character_limit` for instance, or CONCURRENT."""
    account.settings.put(_KEY, {**(account.settings.get(_KEY) or _FRESH), **change})


def spend(account: Account, characters: int) -> None:
    """Count characters that are spoken.

    Raises:
        Refusal: 401 quota_exceeded, the plan has not so many left; nothing is counted then.
    """
    now = subscription(account)
    left = now["character_limit"] - now["character_count"]
    if characters > left:
        text = f"This request exceeds your quota. You have {left} credits remaining, while {characters} are required."
        raise Refusal(401, "quota_exceeded", "quota_exceeded", text)
    set_subscription(account, {"character_count": now["character_count"] + characters})
