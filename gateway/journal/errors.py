"""What can go wrong with a journal, named for the remedy.

JournalError
├── JournalLocked        another process has the data folder: stop it, or use another folder
├── JournalTooNew        written by a newer version: install that one; the file is left alone
└── JournalUnavailable   the storage refuses (full, read-only, broken): free or mend it; what was
                         appended stays in memory and goes to disk with the next commit that succeeds
"""

from gateway.failure import Failure


class JournalError(Failure):
    """Any of the below."""


class JournalLocked(JournalError):  # noqa: N818  # the name the callers agreed on
    """Another process has the data folder."""


class JournalTooNew(JournalError):  # noqa: N818  # as above
    """The file was written by a newer version."""


class JournalUnavailable(JournalError):  # noqa: N818  # as above
    """The storage refuses."""
