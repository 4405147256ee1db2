"""`ElevenLabs-Signature` of a webhook: who signed a body, told while the body is still coming in.           pure

The header is `t=UNIX_SECONDS,v0=HEX`, HEX being HMAC-SHA256 over `UNIX_SECONDS.BODY` with the bytes of the body as they
came. Spaces around the parts, several `v0` (while a secret is rotated) and parts of other names are let pass. A moment
more than 30 minutes ago or 5 minutes ahead is refused; the vendor's own client does not look ahead, so that whoever has
one signed body could send it until the moment it claims.

Source: https://elevenlabs.io/docs/agents-platform/workflows/post-call-webhooks
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

OLDEST_S = 30 * 60
FURTHEST_AHEAD_S = 5 * 60
MAX_HEADER_CHARS = 2000

_MOMENT = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SignatureClaim:
    """What a header claims, before anything of it is believed."""

    moment: str
    """Unix time in seconds, as it was written: it is signed together with the body."""
    digests: tuple[str, ...]
    """64 hex digits each, one at least."""

    def too_old(self, now: float) -> bool:
        """Whether it was signed more than `OLDEST_S` ago; `now` is Unix time."""
        return now - int(self.moment) > OLDEST_S

    def too_far_ahead(self, now: float) -> bool:
        """Whether it will be signed more than `FURTHEST_AHEAD_S` from now; `now` is Unix time."""
        return int(self.moment) - now > FURTHEST_AHEAD_S


def read_claim(header: str | None) -> SignatureClaim | None:
    """What a header says; None when it is not there or is no signature."""
    if header is None or len(header) > MAX_HEADER_CHARS:
        return None
    parts = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    digests = tuple(value for name, _, value in parts if name == "v0" and _DIGEST.fullmatch(value))
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]) or not digests:
        return None
    return SignatureClaim(moments[0], digests)


class BodyVerifier:
    """Reckons with a body piece by piece; `genuine` after the last one.

    Args:
        claim: of the header.
        secrets: those that it may be signed with: two while one is rotated, else one. None: nothing is genuine.
    """

    __slots__ = ("_claim", "_codes")

    def __init__(self, claim: SignatureClaim, secrets: Sequence[str]) -> None:
        begun = f"{claim.moment}.".encode()
        self._claim = claim
        self._codes = [hmac.new(secret.encode(), begun, hashlib.sha256) for secret in secrets if secret]

    def update(self, piece: bytes) -> None:
        """Take the next bytes of the body, as they came."""
        for code in self._codes:
            code.update(piece)

    def genuine(self) -> bool:
        """Whether one of the secrets made one of the digests; compared in constant time."""
        genuine = False
        for code in self._codes:
            for digest in self._claim.digests:
                genuine |= hmac.compare_digest(code.hexdigest(), digest)
        return genuine
