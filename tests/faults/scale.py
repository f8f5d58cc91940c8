"""How much is tried: little in every run of the suite, all of it by `make faults`."""

import os

LONG = os.environ.get("FAULTS") == "long"


def rounds(fast: int, long: int) -> int:
    """The number for this run."""
    return long if LONG else fast
