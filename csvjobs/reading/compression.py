"""Decompresses gzip, zstandard and zip files, recognised by their first bytes, into scratch, within
limits."""

from __future__ import annotations

import errno
import gzip
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader, FileIO
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, cast

from csvjobs.errors import DamagedArchive, EncryptedArchive, SeveralFiles, UnpackedTooLarge
from csvjobs.reading.facts import Facts, FactsCollector

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1024**2
# A decompression bomb has a high ratio; so may a small file that is more repetitive than real tables are.
MOST_RATIO = 1000
RATIO_FROM = 100 * 1024**2

DAMAGE = (
    EOFError,
    ValueError,
    NotImplementedError,
    struct.error,
    zlib.error,
    LZMAError,
    zipfile.BadZipFile,
    zstd.ZstdError,
)
# Zip files with these members are documents in their own right, not archives.
_OFFICE = ("[Content_Types].xml", "mimetype")
ENCRYPTED = 0x1
# Folders, and what file managers leave behind in them.
_ASIDE = re.compile(r"__MACOSX/.*|.*/|(?:.*/)?(?:\._.*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.DOTALL)

MOST_DIRECTORY = 4 * 1024**2
"""Bytes of a zip file's list of members, which is held in memory, ten times as large."""


@dataclass(frozen=True)
class Unpacked:
    """The decompressed file, its facts, and its compression."""

    path: Path
    facts: Facts
    kind: str


def unpack(
    path: Path,
    target: Path,
    most: int,
    tick: Callable[[int], None],
    *,
    cut: bool = False,
    enough: int = sys.maxsize,
) -> Unpacked | None:
    """Decompresses a file of at most `most` decompressed bytes into `target`; None if it is not compressed.
    If the file was `cut`, or has more than `enough` decompressed bytes, it decompresses the beginning.

    Raises DamagedArchive, EncryptedArchive, SeveralFiles, UnpackedTooLarge.
    """
    kind = _kind(path)
    if kind is None:
        return None
    with zip_file(path) as packed, target.open("wb") as out:
        collector = FactsCollector()
        for chunk in _real_bytes(packed, kind, most, tick, cut=cut):
            collector.update(chunk)
            out.write(chunk)
            if out.tell() > enough:
                cut = True
                break
    return Unpacked(target, collector.finish(cut=cut), kind)


def _kind(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return None if kind == "zip" and is_office(path) else kind
    return None


def is_office(path: Path) -> bool:
    """Whether a zip file is an office document."""
    try:
        with zip_file(path) as file, zipfile.ZipFile(file) as archive:
            return any(name in _OFFICE for name in archive.namelist())
    except (*DAMAGE, OSError):
        return False


def zip_file(path: Path) -> BinaryIO:
    """The file, to be opened as a zip file; BadZipFile is raised if its list of members is too long."""
    return _ZipFile(FileIO(path))


class _ZipFile(BufferedReader):
    """A file of which no large part is read at once: zipfile would read a list of any length."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_DIRECTORY:
            raise zipfile.BadZipFile("its list of files is too long")
        return super().read(size)


def _real_bytes(
    packed: BinaryIO, kind: str, most: int, tick: Callable[[int], None], *, cut: bool
) -> Iterator[bytes]:
    """Decompressed chunks. Only reading is checked for damage: writing has errors of its own."""
    if cut and kind == "zip":
        raise DamagedArchive(
            "A zip file says at its end what it holds: its beginning alone cannot be unpacked.",
            hint="Send all of it.",
        )
    size = 0
    with _explained(kind):
        stream = OPEN[kind](packed)
    with stream:
        while chunk := _next(stream, kind, cut=cut):
            size += len(chunk)
            check_size(size, packed.tell(), most)
            tick(packed.tell())
            yield chunk


def _next(stream: BufferedIOBase, kind: str, *, cut: bool) -> bytes:
    with _explained(kind):
        try:
            # A single decompression step, so that the bytes before a cut are not lost.
            return stream.read1(CHUNK)
        except EOFError:
            if not cut:
                raise
            return b""


@contextmanager
def _explained(kind: str) -> Iterator[None]:
    try:
        yield
    except (*DAMAGE, OSError) as error:
        # EINVAL: damaged zip files may seek to before the start of the file.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DamagedArchive(
            f"The {kind} file is damaged or cut short: {error}.",
            hint="Send it again; if that does not help, unpack it and send the CSV file itself.",
        ) from None


def check_size(real: int, packed: int, most: int) -> None:
    """Raises UnpackedTooLarge if `packed` bytes have become more than the allowed `real` ones."""
    if real > most:
        raise UnpackedTooLarge(
            f"Unpacked, the file is larger than {most} bytes.", hint="Send it in parts, each below that."
        )
    if real > RATIO_FROM and real > MOST_RATIO * packed:
        raise UnpackedTooLarge(
            f"The file unpacks to more than {MOST_RATIO} times its size.",
            hint="If it is a table all the same, unpack it and send the CSV file itself.",
        )


def _open_gzip(packed: BinaryIO) -> BufferedIOBase:
    return gzip.GzipFile(fileobj=packed)


def _open_zstd(packed: BinaryIO) -> BufferedIOBase:
    return cast(BufferedIOBase, zstd.ZstdFile(packed))


def _open_zip(packed: BinaryIO) -> BufferedIOBase:
    archive = zipfile.ZipFile(packed)
    members = [member for member in archive.infolist() if not _ASIDE.fullmatch(member.filename)]
    if len(members) != 1:
        names = ", ".join(member.filename[:80] for member in members[:3])
        raise SeveralFiles(
            f"The zip file holds {len(members)} files{': ' if names else ''}{names}; one is expected.",
            hint="Send each CSV file as a job of its own.",
        )
    if members[0].flag_bits & ENCRYPTED:
        raise EncryptedArchive(
            "The zip file is locked with a password.", hint="Send it without one, or the CSV file itself."
        )
    return cast(BufferedIOBase, archive.open(members[0]))


# A zip file without members begins with other bytes.
MAGIC = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    # A skippable frame may come first (RFC 8878, section 3.1.2).
    **{bytes([0x50 + low]) + b"\x2a\x4d\x18": "zstandard" for low in range(16)},
}
OPEN: dict[str, Callable[[BinaryIO], BufferedIOBase]] = {
    "gzip": _open_gzip,
    "zstandard": _open_zstd,
    "zip": _open_zip,
}
