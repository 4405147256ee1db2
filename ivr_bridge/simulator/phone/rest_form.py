"""The form of a REST request, read strictly: what this network does not know is refused, never left out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web

from ivr_bridge.simulator.phone.rest_answers import RestError
from ivr_bridge.simulator.phone.twiml_grammar import attribute_problem

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_ADDRESS = re.compile(r"(sips?:[^\s@]+@\S+|client:\S+)")


def fields_of(names: str) -> frozenset[str]:
    """Names of fields, parted by spaces."""
    return frozenset(names.split())


class Form:
    """Fields by Twilio's names; a missing one is empty."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    @classmethod
    async def read(cls, request: web.Request, known: Iterable[str]) -> Form:
        """The form of a POST.

        Raises:
            RestError: a field that this network does not know (20001).
        """
        fields = [(name, str(value)) for name, value in (await request.post()).items()]
        if unknown := sorted({name for name, _ in fields} - set(known)):
            raise RestError(400, 20001, f"Unknown parameter: {', '.join(unknown)}")
        return cls(fields)

    def __contains__(self, name: str) -> bool:
        return any(name == other for other, _ in self._fields)

    def text(self, name: str, default: str = "") -> str:
        """The last value."""
        return next((value for other, value in reversed(self._fields) if other == name), default)

    def words(self, name: str, default: str = "") -> frozenset[str]:
        """All values, repeated or parted by spaces."""
        values = [value for other, value in self._fields if other == name] or [default]
        return frozenset(word for value in values for word in value.split())

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean: `true` or `false`, in any case of letters."""
        text = self.text(name).lower()
        if text not in ("", "true", "false"):
            raise RestError(400, 20001, f"{name} must be true or false")
        return default if not text else text == "true"

    def whole(self, name: str, default: int = 0, *, least: int = 0, most: int = 86_400) -> int:
        """A whole number in these bounds."""
        text = self.text(name)
        if text and not (text.isdecimal() and least <= int(text) <= most):
            raise RestError(400, 20001, f"{name} must be a whole number from {least} to {most}")
        return int(text) if text else default

    def one_of(self, name: str, *allowed: str) -> str:
        """One of these words; the first when it is missing."""
        text = self.text(name) or allowed[0]
        if text not in allowed:
            raise RestError(400, 20001, f"{name} must be one of {', '.join(filter(None, allowed))}")
        return text

    def url(self, name: str) -> str:
        """An absolute http(s) URL, or empty."""
        text = self.text(name)
        if text and not text.startswith(("http://", "https://")):
            raise RestError(400, 21205, f"{name} is not a valid URL: {text}")
        return text

    def method(self, name: str) -> str:
        """GET or POST, which is the default."""
        return self.one_of(name, "POST", "GET")

    def keys(self, name: str) -> str:
        """Keys to send, as `<Number sendDigits>` takes them."""
        text = self.text(name)
        if text and attribute_problem("Number", "sendDigits", text):
            raise RestError(400, 20001, f"{name} must be at most 32 of 0-9 A-D * # w W")
        return text

    def called(self) -> str:
        """The `To`."""
        text = self.text("To")
        if not text:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not _E164.fullmatch(text) and not _ADDRESS.fullmatch(text):
            raise RestError(400, 21211, f"The phone number you are attempting to call, {text}, is not valid.")
        return text

    def caller(self, numbers: Iterable[str]) -> str:
        """The `From`; with `numbers` one of them."""
        text, owned = self.text("From"), set(numbers)
        if not text:
            raise RestError(400, 21213, "No 'From' number is specified")
        if not _E164.fullmatch(text):
            raise RestError(400, 21212, f"The source phone number provided, {text}, is not valid.")
        if owned and text not in owned:
            raise RestError(400, 21210, f"The source phone number provided, {text}, is not yet verified.")
        return text
