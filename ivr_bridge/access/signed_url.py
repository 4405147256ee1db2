"""URLs that carry their own permission: a path, until when, and a signature of both.                        pure

Such a URL opens one path and nothing else, for whoever has it, until it expires; so it may lie in a cache.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

DAY_S = 24 * 3600
_SIGNATURE_CHARS = 64


class SignedUrls:
    """Signs and checks.

    Args:
        secret: at least 32 random characters; whoever knows it can make such URLs.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def signed(self, path: str, now: float) -> str:
        """The path with its query, good for one to two days: the same text all day long, so that it can be cached.

        Args:
            path: absolute, as it will be asked for.
            now: seconds since 1970.
        """
        expires = (int(now) // DAY_S + 2) * DAY_S
        return f"{path}?{urlencode({'expires': expires, 'signature': self._signature(path, expires)})}"

    def good_until(self, path: str, query: Mapping[str, str], now: float) -> int | None:
        """When a URL expires; None when it is not ours, or has expired. A wrong one takes as long as a right one.

        Args:
            path: as it was asked for, decoded.
            query: its parameters.
            now: seconds since 1970.
        """
        told, shown = query.get("expires", ""), query.get("signature", "")
        well_formed = told.isascii() and told.isdecimal() and len(told) <= 12 and len(shown) == _SIGNATURE_CHARS
        expires = int(told) if well_formed else 0
        genuine = hmac.compare_digest(self._signature(path, expires).encode(), shown.encode("utf-8", "replace"))
        return expires if genuine and well_formed and expires > now else None

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
