"""The samples of a rule's test: `44x2 46 bad - 'fault' true`."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.reading import Value

MAX_SAMPLES = 100_000


class SampleError(ValueError):
    """Not a list of samples."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One sample: a value, or why there is none (`none`: nothing came)."""

    kind: Literal["good", "bad", "absent", "none"]
    value: Value | None = None


Samples: TypeAlias = tuple[Taken, ...]

_WORDS = {
    "bad": Taken("bad"),
    "absent": Taken("absent"),
    "-": Taken("none"),
    "true": Taken("good", True),
    "false": Taken("good", False),
}
_SAMPLE = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<word>[a-z]+?|-))(?:x(?P<times>\d+))?(?=\s|$)"
)


def parse_samples(text: str) -> Samples:
    """The samples in order.

    Raises:
        SampleError: a word that is no sample, none at all, or too many.
    """
    found: list[Taken] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _SAMPLE.match(text, at)
        if match is None or (match["word"] is not None and match["word"] not in _WORDS):
            word = (text[at:].split() or [""])[0]
            raise SampleError(
                f"{word!r} is no sample; write numbers, 'texts', true, false, bad, absent or -, "
                "each with xN to repeat it"
            )
        times = int(match["times"] or 1)
        if len(found) + times > MAX_SAMPLES:
            raise SampleError(f"more than {MAX_SAMPLES} samples; make the test shorter")
        found += [_taken(match)] * times
        at = match.end()
    if not found:
        raise SampleError("there are no samples; write at least one")
    return tuple(found)


def _taken(match: re.Match[str]) -> Taken:
    if match["text"] is not None:
        return Taken("good", match["text"][1:-1])
    if match["number"] is not None:
        return Taken("good", float(match["number"]))
    return _WORDS[match["word"]]
