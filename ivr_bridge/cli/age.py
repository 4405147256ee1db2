"""How long ago, as people write it: 30d, 12h, 90m."""

import argparse
import re
from datetime import timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """For argparse: a whole number and m, h, d or w.

    Raises:
        argparse.ArgumentTypeError: it is written otherwise.
    """
    found = re.fullmatch(r"([0-9]{1,5})([mhdw])", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30d, 12h, 90m or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
