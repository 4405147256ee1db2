"""What Twilio knows of our account: whether it is alive, and where the calls of its numbers go.

Source: https://www.twilio.com/docs/iam/api/account and https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from collections.abc import AsyncIterator

from ivr_bridge.twilio.rest import TwilioAnswer, TwilioRest, read_twilio

PAGE_SIZE = 200
NUMBERS = "IncomingPhoneNumbers"


class Account(TwilioAnswer):
    """An account or a subaccount."""

    sid: str
    friendly_name: str = ""
    status: str = "active"
    """`active`, `suspended` or `closed`."""
    type: str = "Full"
    """`Trial`: plays a notice before each call, and only some numbers may be called."""


class IncomingNumber(TwilioAnswer):
    """A phone number of the account, and what is done with its calls."""

    sid: str
    phone_number: str
    """E.164."""
    friendly_name: str = ""
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None
    status_callback: str | None = None
    voice_application_sid: str | None = None
    """When set, its URLs hold and those of the number do not."""
    trunk_sid: str | None = None
    """When set, calls go to a SIP trunk and to no URL."""


async def fetch_account(rest: TwilioRest) -> Account:
    """The account that the credentials are for.

    Raises:
        VendorError: as `TwilioRest.ask`; 20003 when the credentials are not accepted, 20404 for another's account.
    """
    path = rest.path()
    return read_twilio(Account, await rest.ask("GET", path), f"GET {path}")


def incoming_numbers(rest: TwilioRest, phone_number: str | None = None) -> AsyncIterator[IncomingNumber]:
    """Every number of the account; `phone_number` (E.164) leaves only those that match it.

    Raises:
        VendorError: as `TwilioRest.ask`, while it is gone through.
    """
    query = {"PhoneNumber": phone_number, "PageSize": PAGE_SIZE}
    return rest.entries(rest.path(NUMBERS), "incoming_phone_numbers", IncomingNumber, query=query)


async def find_number(rest: TwilioRest, phone_number: str) -> IncomingNumber | None:
    """The number, exactly; None when the account does not have it.

    Raises:
        VendorError: as `TwilioRest.ask`.
    """
    async for number in incoming_numbers(rest, phone_number):
        if number.phone_number == phone_number:
            return number
    return None
