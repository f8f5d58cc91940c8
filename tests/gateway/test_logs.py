"""The log goes on where stderr refuses, and says what is missing."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys, structlog
from gateway.logs import log_to_stderr
log_to_stderr()
log = structlog.get_logger("test")
log.info("one")
log.info("two")
os.dup2(1, 2)
log.info("three")
log.info("four")
"""


def test_a_stderr_that_refuses_ends_nothing_and_is_told_later():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=full, text=True, check=True
        )
    said = done.stdout.splitlines()
    assert '{"event": "log.missing", "level": "warning", "lines": 2}' in said
    assert any('"three"' in line for line in said)
    assert '"four"' in said[-1]
    assert sum("log.missing" in line for line in said) == 1
