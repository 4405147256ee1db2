"""An answer of the vendor that is an error -> a `VendorError` of the family.

The vendor has four shapes under `detail`: today's object (`type`, `code`, `message`, `request_id`), the older object
(`status`, `message`), the list of a failed validation, and a plain string. A proxy on the way may answer without JSON.
The words are the vendor's; they name ids and fields, never the key.

Source: https://elevenlabs.io/docs/eleven-api/resources/errors
"""

from collections.abc import Mapping
from typing import Any

import orjson

from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected

_MESSAGE_CHARS = 300
_AGAIN_LATER = (408, 425)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
    """The error that an answer stands for; raise it.

    Args:
        status: HTTP status, anything but a success.
        headers: of the answer, names in lower case or a case-insensitive mapping; `request-id` is kept.
        body: as it came; it may be anything.

    Returns:
        429: `VendorBusy`. Other 4xx: `VendorRejected`, but 408 and 425, which say "again later". Everything else:
        `VendorFailed`. `vendor_code` is the vendor's `code`, or its older `status`, or empty.
    """
    detail = _detail(body)
    vendor_code, message, request_id = _particulars(detail)
    text = f"HTTP {status}"
    if vendor_code:
        text += f" {vendor_code}"
    if message:
        text += f": {message[:_MESSAGE_CHARS]}"
    return _family(status)(
        text, status=status, vendor_code=vendor_code, request_id=request_id or headers.get("request-id", "")
    )


def _family(status: int) -> type[VendorError]:
    if status == 429:
        return VendorBusy
    if 400 <= status < 500 and status not in _AGAIN_LATER:
        return VendorRejected
    return VendorFailed


def _detail(body: bytes) -> object:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer.get("detail") if isinstance(answer, dict) else None


def _particulars(detail: object) -> tuple[str, str, str]:
    if isinstance(detail, str):
        return "", detail, ""
    if isinstance(detail, list):
        faults = [fault for fault in detail if isinstance(fault, dict)]
        return ("validation_error" if faults else ""), "; ".join(map(_fault, faults)), ""
    if isinstance(detail, dict):
        code = _text(detail, "code") or _text(detail, "status") or _text(detail, "type")
        message = _text(detail, "message")
        if param := _text(detail, "param"):
            message = f"{param}: {message}"
        return code, message, _text(detail, "request_id")
    return "", "", ""


def _fault(fault: dict[str, Any]) -> str:
    place = fault.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{where}: {_text(fault, 'msg')}" if where else _text(fault, "msg")


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
