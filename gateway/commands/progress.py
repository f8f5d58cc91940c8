"""One line on the terminal that is written over; nothing where stderr is none."""

import sys


class OneLine:
    """Shows how long work is getting on."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, text: str) -> None:
        if not sys.stderr.isatty():
            return
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def end(self) -> None:
        """Leave nothing of it."""
        if self._width:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)
        self._width = 0


def bar(share: float, width: int = 30) -> str:
    """`[######......]  41 %`."""
    done = round(min(1.0, max(0.0, share)) * width)
    return f"[{'#' * done}{'.' * (width - done)}] {100 * share:3.0f} %"
