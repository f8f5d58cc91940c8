"""One process per data folder."""

import os

import pytest

from gateway.journal.errors import JournalLocked
from gateway.journal.lock import FolderLock


def test_a_second_holder_is_told_who_the_first_is(tmp_path):
    lock = FolderLock(tmp_path)
    with pytest.raises(JournalLocked, match=f"process {os.getpid()} has this data folder"):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


def test_a_storage_that_does_not_take_the_holders_number_is_no_reason_not_to_start(tmp_path):
    (tmp_path / "lock").symlink_to("/dev/full")
    FolderLock(tmp_path).release()
