"""A stream under a password: scrypt makes the key, ChaCha20-Poly1305 seals it in pieces that stand in order.

    MAPLEBK1 | salt (16) | nonce prefix (7) | pieces, each: length (4) | ciphertext with its tag

A piece's nonce is the prefix, its number (4 bytes) and whether it is the last (1 byte): what is changed,
moved, left out or cut off is found (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

import hashlib
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.failure import Failure

_MAGIC = b"MAPLEBK1"
_SALT, _PREFIX, _TAG = 16, 7, 16
_PIECE = 1 << 20
_N, _R, _P = 1 << 15, 8, 1  # 32 MiB and some 0.1 s: what a small gateway can spare
_MEMORY = 64 << 20


class SealError(Failure):
    """It cannot be opened: another password, another kind of file, or not as it was written."""


class Sealer:
    """Writes into `file` what only the password opens; `close` writes the end, without it nothing opens."""

    def __init__(self, file: BinaryIO, password: str) -> None:
        salt, self._prefix = os.urandom(_SALT), os.urandom(_PREFIX)
        self._file = file
        self._cipher = _cipher(password, salt)
        self._number = 0
        self._waiting = bytearray()
        file.write(_MAGIC + salt + self._prefix)

    def write(self, content: bytes) -> int:
        self._waiting += content
        while len(self._waiting) > _PIECE:
            self._seal(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        return len(content)

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), piece, None)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class Opener:
    """Reads what a Sealer wrote; every byte that it hands out is as it was written.

    Raises:
        SealError: from the start and from each `read`.
    """

    def __init__(self, file: BinaryIO, password: str) -> None:
        head = file.read(len(_MAGIC) + _SALT + _PREFIX)
        if not head.startswith(_MAGIC) or len(head) != len(_MAGIC) + _SALT + _PREFIX:
            raise SealError("this is no backup of maplebridge; name the file that `backup` wrote")
        salt, self._prefix = head[len(_MAGIC) : -_PREFIX], head[-_PREFIX:]
        self._file = file
        self._cipher = _cipher(password, salt)
        self._number = 0
        self._waiting = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        while len(self._waiting) < size and not self._ended:
            self._waiting += self._next()
        content = bytes(self._waiting[:size])
        del self._waiting[:size]
        return content

    def finish(self) -> None:
        """Read to the end, so that it is known to be whole."""
        while self.read(_PIECE):
            pass
        if self._file.read(1):
            raise SealError("something was added to the backup; use an untouched copy")

    def _next(self) -> bytes:
        length = int.from_bytes(self._file.read(4), "big")
        if not _TAG <= length <= _PIECE + _TAG:
            raise SealError("the backup ends too early or is damaged; use another copy")
        sealed = self._file.read(length)
        for last in (False, True):
            try:
                piece = self._cipher.decrypt(_nonce(self._prefix, self._number, last=last), sealed, None)
            except InvalidTag:
                continue
            self._number += 1
            self._ended = last
            return piece
        why = (
            "the password is wrong, or the backup is damaged"
            if self._number == 0
            else "the backup is damaged"
        )
        raise SealError(f"{why}; try again, or use another copy")


def _cipher(password: str, salt: bytes) -> ChaCha20Poly1305:
    key = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32)
    return ChaCha20Poly1305(key)


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
