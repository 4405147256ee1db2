"""A request whose answer is one object."""

from ivr_bridge.elevenlabs.rest.answer import A, read_answer
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport


async def ask(transport: Transport, request: Request, model: type[A]) -> A:
    """The answer to `request` as `model`.

    Raises:
        VendorError: no answer, an error, or something else than a `model`.
    """
    return read_answer(model, await transport.json(request), request.what)


async def ask_cached(transport: Transport, request: Request, model: type[A], *, max_age_s: float) -> A:
    """As `ask`, for a GET, remembered as `Transport.cached` says."""
    return await transport.cached(request, lambda answer: read_answer(model, answer, request.what), max_age_s=max_age_s)


def given(**fields: object) -> dict[str, object]:
    """A JSON body of the fields that are not None: what is not given is left to the vendor."""
    return {name: value for name, value in fields.items() if value is not None}
