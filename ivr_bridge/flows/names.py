"""The small words of a flow's model: names, keys, templates, patterns of numbers.                              pure"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

Key = Annotated[
    Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"],
    BeforeValidator(lambda key: str(key) if type(key) is int else key),
]
"""`*` and `#` stand in quotes in YAML; a digit need not."""
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60),
    Field(description="small letters, digits and `_`, a letter first"),
]
"""Of a flow (its file's name), a node, a prompt, an option or a variable: small letters, digits and `_`."""
NumberPattern = Annotated[
    str,
    StringConstraints(pattern=r"^(\+?[0-9]*\*?|[A-Za-z][^*\s]*\*?)$", min_length=1),
    Field(description="a number such as '+15550100', its beginning such as '+1555*', or '*' for all"),
]
"""A called number; `*` at its end stands for the rest: `+1555*`, `sip:desk@*`, `*`. The longest that fits wins."""
Template = Annotated[str, StringConstraints(max_length=4000)]
Tries = Annotated[int, Field(ge=1, le=10)]
WaitS = Annotated[float, Field(gt=0, le=60)]
