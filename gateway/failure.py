"""The root of errors that a person can mend: the message says what is wrong and how to put it right.

Failure
 ├─ SecretError        a secret's file is missing, empty or open to others (bad input: exit code 2)
 ├─ JournalError       the data folder is taken, too new, or its storage refuses
 ├─ StoreError         the tickets' store cannot be used
 ├─ UsersDamaged       the file of users cannot be used
 ├─ CertificateError   no certificate could be made for the console
 ├─ BrokerError        the embedded broker cannot listen
 └─ LineHeld           another process is the master of a device's line

A command turns them into one line and an exit code; anything else ends it loudly.
"""


class Failure(Exception):  # noqa: N818  # the root of names that say what happened
    """Something that a person can mend."""
