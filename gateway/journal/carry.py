"""A part of a journal as one signed file, carried by hand where there is never a link.

Lines of JSON, gzipped: what it is and who signed it · one line per frame, as the journal's own rows
without positions · a signature (Ed25519) over all lines before it. The key is made at first use in
the data folder and never leaves it; who takes a file in compares the public key with the one shown.
"""

import base64
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.document import DocumentError, Fault
from agent.reading import Frame, Quality
from gateway.journal.past import frames_between
from gateway.journal.query import FILE

KEY = "export.key"
_FORMAT = 1
_LONGEST_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Signed:
    """What a file that `export` wrote says of itself; its signature was right."""

    site: str
    key: str
    frames: int


def signing_key(data: Path) -> Ed25519PrivateKey:
    """The data folder's own, made at first use, readable by its owner only.

    Raises:
        OSError: it cannot be read or written.
    """
    path = data / KEY
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def public_key(key: Ed25519PrivateKey) -> str:
    """As people compare it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def export(
    data: Path, journal: str, site: str, file: Path, *, from_ms: int, to_ms: int, device: str | None
) -> dict[str, Any]:
    """Write the frames of a span of time (inclusive), all devices or one, and sign them; what is in it.

    Times are mended where the truth is known by now. Works beside a running gateway.

    Raises:
        JournalUnavailable: there is no journal, or it cannot be read.
        OSError: the file or the key cannot be written; no half file stays.
    """
    key, digest, count = signing_key(data), hashlib.sha512(), 0
    new = file.with_name(f".{file.name}.new")
    about = {
        "maplebridge_export": _FORMAT,
        "site": site,
        "key": public_key(key),
        "from": from_ms,
        "to": to_ms,
    }
    try:
        with gzip.open(new, "wb", compresslevel=6) as out:
            _write(out, digest, about)
            for frame in frames_between(data / journal / FILE, from_ms, to_ms, device):
                _write(out, digest, document(frame))
                count += 1
            signature = base64.b64encode(key.sign(digest.digest())).decode()
            out.write(orjson.dumps({"frames": count, "signature": signature}) + b"\n")
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    return {**about, "frames": count, "bytes": file.stat().st_size}


def document(frame: Frame) -> dict[str, Any]:
    """All of a frame, by the names of the MQTT contract where it has them."""
    return {
        "device": frame.device,
        "boot": frame.boot,
        "seq": frame.seq,
        "ts": frame.ts_ms,
        "mono": frame.mono_ms,
        "unsure": frame.unsure,
        "span_ms": frame.span_ms,
        "points": frame.points,
        "values": frame.values,
        "quality": {frame.points[index]: quality for index, quality in frame.faults.items()},
        "reason": frame.reason,
    }


def frame_of(document: dict[str, Any]) -> Frame:
    """What `document` made a document of.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    points = tuple(document["points"])
    index = {point: at for at, point in enumerate(points)}
    values = tuple(float(v) if type(v) is int else v for v in document["values"])
    if len(values) != len(points):
        raise ValueError(f"{len(points)} points and {len(values)} values")
    return Frame(
        device=document["device"],
        boot=document["boot"],
        seq=document["seq"],
        mono_ms=document["mono"],
        ts_ms=document["ts"],
        unsure=document["unsure"],
        span_ms=document["span_ms"],
        points=points,
        values=values,
        faults={index[point]: Quality(quality) for point, quality in document["quality"].items()},
        reason=document["reason"],
    )


def examine(file: Path) -> Signed:
    """Read an export to its end and verify it, before anything of it is believed.

    Raises:
        DocumentError: it is no export, or not as it was written.
        OSError: it cannot be read.
    """
    digest, head, count, line = hashlib.sha512(), b"", -1, b""
    for number, latest in enumerate(_lines(file)):
        if number:
            digest.update(line)
            count += 1
        head, line = head or latest, latest
    try:
        about, end = orjson.loads(head), orjson.loads(line)
        signed = Signed(about["site"], about["key"], end["frames"])
        form, signature = about["maplebridge_export"], base64.b64decode(end["signature"])
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signed.key))
    except (ValueError, KeyError, TypeError):
        raise _no_export(file, "it is no whole export; copy it again from where it was made") from None
    if form != _FORMAT:
        raise _no_export(file, f"format {form!r} is not known; a newer version wrote it: update this one")
    try:
        public.verify(signature, digest.digest())
    except InvalidSignature:
        raise _no_export(file, "its signature is wrong: it was changed since it was written") from None
    if signed.frames != count:
        raise _no_export(file, f"it says {signed.frames} frames and has {count}")
    return signed


def frames_in(file: Path) -> Iterator[Frame]:
    """The frames of an export that `examine` found sound."""
    before = None
    for number, line in enumerate(_lines(file)):
        if number > 1 and before is not None:
            yield frame_of(orjson.loads(before))
        before = line


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file, "rb") as lines:
            while line := lines.readline(_LONGEST_LINE):
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _no_export(file, "it is damaged or cut short; copy it again from where it was made") from None


def _no_export(file: Path, why: str) -> DocumentError:
    return DocumentError([Fault(str(file), 1, 1, "", why, "")])


def _write(out: gzip.GzipFile, digest: "hashlib._Hash", line: dict[str, Any]) -> None:
    packed = orjson.dumps(line) + b"\n"
    digest.update(packed)
    out.write(packed)
