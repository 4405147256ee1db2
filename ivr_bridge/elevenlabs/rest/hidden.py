"""Values that may go to the vendor and nowhere else: a secret's value, a token.

`HiddenBody` keeps them out of what is printed of a request; `hidden` out of the words of an error, which may repeat
what was sent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ivr_bridge.errors import VendorError

_MASK = "<hidden>"


class HiddenBody(dict[str, object]):
    """A JSON body of which only the names of its fields are printed."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        """Take over `fields`."""
        super().__init__(fields)

    def __repr__(self) -> str:
        return f"<{', '.join(self)}: {_MASK}>"

    __str__ = __repr__


@contextmanager
def hidden(value: str) -> Iterator[None]:
    """Strike `value` out of the words of any `VendorError` that passes.

    Raises:
        ValueError: there is no value.
    """
    if not value:
        raise ValueError("the value is empty")
    try:
        yield
    except VendorError as error:
        error.args = tuple(part.replace(value, _MASK) if isinstance(part, str) else part for part in error.args)
        raise
