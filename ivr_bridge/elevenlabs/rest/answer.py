"""What the vendor answers, typed: what we know is checked, what we do not know is kept.

Source: https://elevenlabs.io/docs/api-reference/introduction
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ivr_bridge.errors import VendorFailed


class Answer(BaseModel):
    """An object of the vendor's. Unknown fields are kept (`model_extra`); only what is needed is required."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


A = TypeVar("A", bound=Answer)


def read_answer(model: type[A], answer: object, what: str) -> A:
    """The answer to `what` (such as `GET /v1/models`) as `model`.

    Raises:
        VendorFailed: it is something else; names the fields and no values.
    """
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in error.errors()[:5]
        )
        raise VendorFailed(f"{what}: the answer is no {model.__name__}: {faults}", status=200) from error
