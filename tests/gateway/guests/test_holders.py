"""Who has locked a port is known by number and name."""

import fcntl
import os

from gateway.guests.holders import Holder, lock_holder


def test_a_port_that_nobody_has_locked_has_no_holder():
    ours, theirs = os.openpty()
    try:
        assert lock_holder(os.ttyname(theirs)) is None
    finally:
        os.close(ours)
        os.close(theirs)
    assert lock_holder("/dev/no-such-port") is None


def test_the_process_with_the_lock_is_named():
    ours, theirs = os.openpty()
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        holder = lock_holder(os.ttyname(theirs))
        assert holder is not None
        assert holder.pid == os.getpid()
        assert str(holder) == f"{holder.command} (pid {os.getpid()})"
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_holder_in_another_container_has_no_number():
    assert str(Holder(0, "")) == "a process in another container"
