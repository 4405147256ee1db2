"""Signed URLs of the sandbox: who may open which conversation, for 15 minutes.

Source: the vendor's get-signed-url; a signature is opaque to the client and must come back byte for byte.
"""

import base64
import hashlib
import hmac
import secrets

_VALID_S = 900


class Signer:
    """Signs and checks; its secret lives as long as the object."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._used: set[str] = set()

    def sign(self, agent_id: str, now_s: float, *, conversation_id: str = "") -> str:
        """A signature for `agent_id` from `now_s` (unix) on; with a `conversation_id` it can be used once only.

        It may hold `+`, `/` and `=`, which a URL must escape.
        """
        text = f"{agent_id}|{int(now_s) + _VALID_S}|{conversation_id}|{secrets.token_hex(8)}"
        mac = hmac.new(self._secret, text.encode(), hashlib.sha256).digest()
        return "cvtkn_" + base64.b64encode(mac + text.encode()).decode()

    def check(self, signature: str, now_s: float) -> tuple[str, str] | None:
        """(agent id, conversation id or "") of a good signature, None for any other text."""
        try:
            raw = base64.b64decode(signature.removeprefix("cvtkn_"), validate=True)
            text = raw[32:].decode()
            agent_id, expires_s, conversation_id, _ = text.split("|")
        except ValueError:
            return None
        if not hmac.compare_digest(hmac.new(self._secret, raw[32:], hashlib.sha256).digest(), raw[:32]):
            return None
        if now_s > int(expires_s) or signature in self._used:
            return None
        if conversation_id:
            self._used.add(signature)
        return agent_id, conversation_id
