"""The keys of HTTP clients: made at the first start, shown once, known afterwards by their hashes only."""

import hashlib
import hmac
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr_bridge.access.machine_secret import make_once
from ivr_bridge.errors import ConfigError

KEY_PREFIX = "ivr_"
"""So that a key is known for one where it turns up, in a leak scanner say."""

KEY_BYTES = 32


class _KnownKey(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class _KnownKeys(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    keys: tuple[_KnownKey, ...]


class ApiKeys:
    """The keys of a server's `var/`.

    `var/api_keys.json` says who gets in: `{"keys": [{"name": ..., "sha256": ...}]}`. `var/api_key` holds the first key
    in clear, for the operator and for commands on this machine; it may be moved away. Hashes are plain SHA-256: a key
    has 256 random bits.
    """

    def __init__(self, var_dir: Path) -> None:
        self.key_path = var_dir / "api_key"
        self.hashes_path = var_dir / "api_keys.json"
        self._hashes: tuple[str, ...] = ()

    def load_or_make(self) -> str | None:
        """Read the hashes; at the first start of all make the first key. It blocks on the disk.

        Returns:
            The key if this call made it: to be shown once. None otherwise.

        Raises:
            ConfigError: a file cannot be read or made, or is not what it must be.
        """
        made_key = None if self.hashes_path.exists() else self._make_first()
        try:
            known = _KnownKeys.model_validate_json(self.hashes_path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.hashes_path}: cannot be read: {error}") from error
        except ValidationError as error:
            raise ConfigError(
                f"{self.hashes_path}: is not a list of keys; remove it, and it is made anew from {self.key_path}"
            ) from error
        self._hashes = tuple(key.sha256 for key in known.keys)
        return made_key

    def verify(self, key: str) -> bool:
        """Whether this is one of the keys; takes as long for a wrong one as for a right one."""
        shown = _hash(key)
        matches = [hmac.compare_digest(shown, known) for known in self._hashes]
        return any(matches)

    def _make_first(self) -> str | None:
        key, made = make_once(self.key_path, _new_key)
        first = _KnownKeys(keys=(_KnownKey(name="first", sha256=_hash(key)),))
        make_once(self.hashes_path, lambda: first.model_dump_json(indent=2))
        return key if made else None


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
