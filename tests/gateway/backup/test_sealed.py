"""What is sealed opens with its password, whole and in order, or not at all."""

import io

import pytest

from gateway.backup.sealed import Opener, Sealer, SealError

PASSWORD = "three small words"


def _sealed(content: bytes) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, PASSWORD)
    for start in range(0, len(content), 100_000):
        sealer.write(content[start : start + 100_000])
    sealer.close()
    return file.getvalue()


def _opened(sealed: bytes, password: str = PASSWORD) -> bytes:
    opener = Opener(io.BytesIO(sealed), password)
    content = bytearray()
    while piece := opener.read(70_000):
        content += piece
    opener.finish()
    return bytes(content)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_it_comes_back(size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sealed = _sealed(content)
    assert _opened(sealed) == content
    assert content[:64] not in sealed or size < 64


def test_another_password_opens_nothing():
    with pytest.raises(SealError, match="password is wrong"):
        _opened(_sealed(b"secret"), "another one")


@pytest.mark.parametrize(
    "what", ["flipped", "cut", "piece left out", "pieces swapped", "added", "another file"]
)
def test_what_was_changed_is_refused(what):
    sealed = bytearray(_sealed(b"0123456789" * 250_000))
    piece, head = (1 << 20) + 16 + 4, 31
    match what:
        case "flipped":
            sealed[1_500_000] ^= 1
        case "cut":
            del sealed[head + 2 * piece :]
        case "piece left out":
            del sealed[head : head + piece]
        case "pieces swapped":
            first, second = sealed[head : head + piece], sealed[head + piece : head + 2 * piece]
            sealed[head : head + 2 * piece] = second + first
        case "added":
            sealed += b"more"
        case _:
            sealed = bytearray(b"PK\x03\x04")
    with pytest.raises(SealError):
        _opened(bytes(sealed))
