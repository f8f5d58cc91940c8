"""Logs go to stderr, one JSON line per event; systemd keeps them. No file of our own is written."""

import logging
import sys

import structlog


class _Stderr:
    """Writes to whatever stderr is at that moment: it may be another one than at the first event.

    Where that refuses (a file on a full disk, a reader that went away) the gateway goes on, and
    says how many lines are missing as soon as it can.
    """

    missing = 0

    def __init__(self, *_name: str) -> None:
        """Structlog hands over the logger's name; a line carries it already."""

    def msg(self, line: str) -> None:
        if _Stderr.missing:
            line = f'{{"event": "log.missing", "level": "warning", "lines": {_Stderr.missing}}}\n{line}'
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except OSError:
            _Stderr.missing += 1
        else:
            _Stderr.missing = 0

    debug = info = warning = error = critical = msg


def log_to_stderr(level: int = logging.INFO) -> None:
    """Once per process, before the first event."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
