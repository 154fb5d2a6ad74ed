"""Lines of numbers, in whatever form a file has them; what is wrong with one is said with its line."""

import codecs
import re

import numpy as np

COMPRESSED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"7z\xbc\xaf": "7-Zip"}
_MARK = -1e300  # stands after each line, so that a line with a field too many or too few is noticed
_OLD_WINDOWS = re.compile(rb"([+-]?)(?:1\.#(?:(INF)|IND|QNAN|SNAN)0*|nan\((?:ind|snan)\))", re.IGNORECASE)


class SkeletonError(ValueError):
    """A file is not as it should be: in which line (from 1), and why."""

    def __init__(self, line: int, kind: str, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.kind, self.reason = line, kind, reason


def split(content: bytes) -> list[bytes]:
    """The lines of a file in ASCII, UTF-8 or UTF-16, with or without a byte-order mark."""
    if not content.strip():
        raise SkeletonError(1, "empty", "the file is empty")
    for magic, program in COMPRESSED.items():
        if content.startswith(magic):
            raise SkeletonError(1, "compressed", f"the file is compressed by {program}; unpack it")
    if encoding := _utf_16(content):
        content = content.decode(encoding, "replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    if (nul := content.find(b"\0")) >= 0:
        raise SkeletonError(content.count(b"\n", 0, nul) + 1, "damaged", f"NUL bytes from byte {nul} on")
    return content.rstrip().split(b"\n")


def _utf_16(content: bytes) -> str | None:
    nul = [byte == 0 for byte in content[:4]]  # of ASCII in UTF-16 every other byte
    if content.startswith(codecs.BOM_UTF16_LE) or nul == [False, True, False, True]:
        return "utf-16-le"
    if content.startswith(codecs.BOM_UTF16_BE) or nul == [True, False, True, False]:
        return "utf-16-be"
    return None


def whole(lines: list[bytes], row: int, what: str) -> int:
    """The whole number that a line is."""
    if row >= len(lines):
        raise SkeletonError(len(lines), "truncated", f"the file ends where {what} is expected")
    word = lines[row].strip()
    if not word.isdigit() or len(word) > 18:
        raise SkeletonError(row + 1, "damaged", f"{shown(word)} where {what} is expected")
    return int(word)


def words(lines: list[bytes], row: int, count: int, what: str) -> list[bytes]:
    """The fields of a line, of which there must be so many."""
    if row >= len(lines):
        raise SkeletonError(len(lines), "truncated", f"the file ends where {what} is expected")
    found = lines[row].split()
    if len(found) != count:
        raise SkeletonError(row + 1, "fields", f"{len(found)} fields, expected {count} of {what}")
    return found


def numbers(lines: list[bytes], rows: list[int], columns: int, what: str) -> np.ndarray:
    """The numbers of these lines, (rows, columns)."""
    mark = f" {_MARK} ".encode()
    try:
        values = np.fromstring(mark.join(lines[row] for row in rows) + mark, sep=" ") if rows else np.empty(0)
    except (ValueError, DeprecationWarning):  # a word that is not a number
        values = np.empty(1)
    if values.size == len(rows) * (columns + 1):
        values = values.reshape(-1, columns + 1)
        if (values[:, columns] == _MARK).all():
            return values[:, :columns]
    return np.array([[_number(word, row) for word in words(lines, row, columns, what)] for row in rows])


def _number(word: bytes, row: int) -> float:
    """A number as Python or an old Windows program writes it, 1.#QNAN or -1.#IND."""
    if found := _OLD_WINDOWS.fullmatch(word):
        word = found[1] + (b"inf" if found[2] else b"nan")
    try:
        return float(word.replace(b"_", b"?"))  # Python takes 1_0 for a number
    except ValueError:
        raise SkeletonError(row + 1, "damaged", f"{shown(word)} where a number is expected") from None


def shown(word: bytes) -> str:
    return repr(word[:40].decode("ascii", "backslashreplace"))
