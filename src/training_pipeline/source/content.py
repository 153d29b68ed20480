"""Read a file as it was when it was opened: it is hashed once, and each block that is read is compared with that hash."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gates.text import escaped, printable
from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe, which can be read only once",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def opened(path: Path, advice: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file and hash it; yield it with its SHA-256 in hexadecimal digits.

    What is read from it is what was hashed. A file that is replaced by another one of the same name stays what it was; a file
    whose content changes is refused.

    Parameters
    ----------
    path : Path
        A regular file.
    advice : str
        What an error says to do.

    Raises
    ------
    PipelineError
        When the path is no regular file or cannot be read, or, later, when its content has changed.
    """
    name = escaped(path)
    with ExitStack() as stack:
        try:
            # without NONBLOCK, opening a pipe waits until somebody writes to it
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            stack.callback(os.close, descriptor)
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
            if kind != stat.S_IFREG:
                raise PipelineError(f"{name}: {_KINDS.get(kind, 'no file')}; {advice}")
            content = _HashedContent(stack.enter_context(os.fdopen(descriptor, "rb", closefd=False)), name)
        except FileNotFoundError as error:
            raise PipelineError(f"{name}: no such file; {advice}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PipelineError(f"{name}: cannot be opened ({printable(reason)}); {advice}") from error
        yield stack.enter_context(io.BufferedReader(content, BLOCK_BYTES)), content.sha256


class _HashedContent(io.RawIOBase):
    """The bytes of a file, block by block; each block must still have its first digest.

    Parameters
    ----------
    file : BinaryIO
        An open file.
    name : str
        What an error calls it.

    Attributes
    ----------
    sha256 : str
        Hash of the whole content.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._position = 0
        self._size = 0
        self._digests: list[bytes] = []
        self._block: tuple[int, bytes] = (-1, b"")
        whole = hashlib.sha256()
        while block := file.read(BLOCK_BYTES):
            whole.update(block)
            self._digests.append(hashlib.sha256(block).digest())
            self._size += len(block)
        self.sha256 = whole.hexdigest()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        number, start = divmod(self._position, BLOCK_BYTES)
        if number >= len(self._digests):
            return 0
        part = self._proven(number)[start : start + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _proven(self, number: int) -> bytes:
        """Read a block, and keep the latest one, because Parquet reads pieces of it."""
        if self._block[0] != number:
            self._file.seek(number * BLOCK_BYTES)
            block = self._file.read(BLOCK_BYTES)
            if hashlib.sha256(block).digest() != self._digests[number]:
                raise PipelineError(
                    f"{self._name}: the file has changed while it was loaded, nothing was loaded; "
                    "load it again when nobody writes to it"
                )
            self._block = (number, block)
        return self._block[1]
