"""The program with something wrong in it, so that the account can show that it sees it.

`python -m tests.faults.doctored '<job as JSON>' run SITE.yaml` is `maplebridge run SITE.yaml` with
the job's `doctor` (names of this file) and `fail` (a place and a count) applied before it starts.
"""

import json
import os
import sys
from dataclasses import replace as altered

from tests.faults.failing import Countdown, Place, arm, replace, torn_write


def ack_before_commit() -> None:
    """The writer says that it is done, and writes a commit later."""

    def make(original):
        waiting = []

        def commit(store, batch):
            waiting.append(batch)
            done = original(store, waiting.pop(0)) if len(waiting) > 1 else None
            from gateway.journal.batch import Committed

            return done or Committed(store._gone, False, 0)

        return commit

    replace("gateway.journal.store:Store.commit", make)


def half_synced() -> None:
    """`synchronous=NORMAL`: commits are not forced to the card."""

    def make(original):
        def connect(path):
            connection = original(path)
            connection.execute("PRAGMA synchronous=NORMAL")
            return connection

        return connect

    replace("gateway.journal.store:connect", make)


def seq_used_again() -> None:
    """Every start is the same boot."""
    replace("agent.clock:new_boot_id", lambda _original: lambda: "always-it")


def value_invented() -> None:
    """Where a number is a multiple of five, the device's word is one more than it said."""

    def make(original):
        def append(journal, frame):
            values = frame.values
            if len(values) > 1 and isinstance(values[0], float) and values[0] % 5 == 0:
                frame = altered(frame, values=(values[0], values[1] + 1.0, *values[2:]))
            return original(journal, frame)

        return append

    replace("gateway.journal.journal:Journal.append", make)


def gap_swallowed() -> None:
    """Gaps are not written."""
    for module in ("store", "retention"):
        replace(f"gateway.journal.{module}:write_gaps", lambda _original: lambda _connection, _gaps: None)


def freed_in_silence() -> None:
    """Retention frees what nobody has read, and says nothing."""
    replace("gateway.journal.retention:losses", lambda _original: lambda _records, _reason: [])


def trimmed_too_early() -> None:
    """Records are settled when they are taken for sending, not when the other end has acknowledged them."""

    def make(original):
        def take(lanes):
            record = original(lanes)
            if record is not None:
                lanes._journal.settle(lanes._reader, record.position, record.position)
            return record

        return take

    for lane in ("take_live", "take_backlog"):
        replace(f"gateway.sinks.lanes:Lanes.{lane}", make)


def stamped_when_written() -> None:
    """A row's time is that of its writing: what is written again is another row."""

    def make(original):
        def frame(encoder, frame):
            import time

            return original(encoder, altered(frame, ts_ms=time.time_ns() // 1_000_000))

        return frame

    replace("gateway.sinks.line_protocol:LineEncoder.frame", make)


def dedupe_lost() -> None:
    """A change that comes twice, as after a kill, finds a desk that remembers neither the alert's ticket nor the act."""

    def opened(original):
        def open_(placing, books, subject, _key, **who):
            return original(
                placing, books, altered(subject, key=os.urandom(4).hex()), os.urandom(4).hex(), **who
            )

        return open_

    def forgotten(original):
        def place(placing, books, entry, at_ms):
            again = altered(entry, ticket=None)
            return original(placing, books, entry, at_ms) | original(placing, books, again, at_ms)

        return place

    replace("gateway.tickets.placing:Placing.open", opened)
    replace("gateway.tickets.placing:Placing.place", forgotten)
    for way in ("_attached", "_again"):
        replace(f"gateway.tickets.placing:Placing.{way}", lambda _original: lambda *_: None)


def trusted_clock() -> None:
    """No illness: the machine's clock is taken at its word, whatever its kernel thinks of it."""
    replace("agent.clock:SystemClock.trusted", lambda _original: lambda _clock: True)


ILLNESSES = {
    function.__name__: function
    for function in (
        ack_before_commit, half_synced, seq_used_again, value_invented, gap_swallowed, freed_in_silence,
        trimmed_too_early, stamped_when_written, dedupe_lost, trusted_clock,
    )
}  # fmt: skip


def apply(job: dict) -> None:
    """Make the process the one that the job wants."""
    for name in job.get("doctor", ()):
        ILLNESSES[name]()
    if "fail" in job:
        target, when, k = job["fail"]
        if when == "torn":
            replace(target, lambda plain: torn_write(0.5, Countdown(k), plain))
        else:
            arm(Place(target, when), k)


def main() -> None:
    apply(json.loads(sys.argv[1]))
    sys.argv[1:] = sys.argv[2:]
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    from gateway.commands import main as maplebridge

    maplebridge()


if __name__ == "__main__":
    main()
