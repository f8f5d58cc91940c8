"""Logs go to stderr, one JSON line per event; systemd keeps them. No file of our own is written."""

import logging
import sys

import structlog


class _Stderr:
    """Writes to whatever stderr is at that moment: it may be another one than at the first event."""

    def __init__(self, *_name: str) -> None:
        """Structlog hands over the logger's name; a line carries it already."""

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

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
