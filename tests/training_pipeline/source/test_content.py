"""What is read is what was hashed; what is no file is refused in one line."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.errors import PipelineError
from training_pipeline.source import content
from training_pipeline.source.content import opened

ADVICE = "give another path"
TEXT = b"".join(b"%06d\n" % number for number in range(2000))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "BLOCK_BYTES", 64)


def _file(folder: Path, text: bytes = TEXT) -> Path:
    path = folder / "own.csv"
    path.write_bytes(text)
    return path


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, len(TEXT)])
def test_content_is_read_as_it_was_hashed(tmp_path: Path, size: int) -> None:
    with opened(_file(tmp_path, TEXT[:size]), ADVICE) as (file, sha256):
        assert sha256 == hashlib.sha256(TEXT[:size]).hexdigest()
        assert file.read() == TEXT[:size]


def test_any_part_can_be_read(tmp_path: Path) -> None:
    chance = random.Random(1)
    with opened(_file(tmp_path), ADVICE) as (file, _):
        for _ in range(200):
            start, length = chance.randrange(len(TEXT) + 100), chance.randrange(300)
            file.seek(start)
            assert file.read(length) == TEXT[start : start + length]
        assert file.seek(-3, os.SEEK_END) == len(TEXT) - 3
        assert file.read() == TEXT[-3:]


def test_file_that_another_one_replaces_stays_what_it_was(tmp_path: Path) -> None:
    path = _file(tmp_path)
    with opened(path, ADVICE) as (file, sha256):
        other = tmp_path / "other"
        other.write_bytes(TEXT[::-1])
        other.replace(path)
        assert file.read() == TEXT
    with opened(path, ADVICE) as (_, other_sha256):
        assert other_sha256 != sha256


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "one byte of the first block": lambda text: b"x" + text[1:],
    "one byte of the last block": lambda text: text[:-2] + b"x\n",
    "two blocks swapped": lambda text: text[64:128] + text[:64] + text[128:],
    "appended": lambda text: text + b"1\n",
    "truncated": lambda text: text[:1000],
    "emptied": lambda text: text[:0],
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_content_is_refused(tmp_path: Path, change: str) -> None:
    path = _file(tmp_path)
    with opened(path, ADVICE) as (file, _):
        path.write_bytes(CHANGES[change](TEXT))
        with pytest.raises(PipelineError, match=r"own\.csv: the file has changed while it was loaded"):
            file.read()


def _socket(folder: Path) -> Path:
    path = folder / "s.csv"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def _loop(folder: Path) -> Path:
    (folder / "loop.csv").symlink_to("loop.csv")
    return folder / "loop.csv"


def _dangling(folder: Path) -> Path:
    (folder / "link.csv").symlink_to("nowhere")
    return folder / "link.csv"


NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "absent": (lambda folder: folder / "none.csv", r"none\.csv: no such file; give another path"),
    "folder": (lambda folder: folder, r": a folder; give another path"),
    "pipe": (_pipe, r"pipe\.csv: a pipe, which can be read only once"),
    "device": (lambda _: Path("/dev/null"), r"/dev/null: a device"),
    "socket": (_socket, r"s\.csv: cannot be opened"),
    "dangling link": (_dangling, r"link\.csv: no such file"),
    "link to itself": (_loop, r"loop\.csv: cannot be opened \(Too many levels of symbolic links\)"),
    "below a file": (lambda folder: _file(folder) / "x.csv", r"cannot be opened \(Not a directory\)"),
    "long name": (lambda folder: folder / ("x" * 300), r"cannot be opened \(File name too long\)"),
    "NUL": (lambda folder: folder / "a\0b", r"a\\x00b: cannot be opened \(embedded null byte\)"),
}


@pytest.mark.parametrize("case", NO_FILES)
def test_no_file_is_refused_at_once_in_one_line(tmp_path: Path, case: str) -> None:
    make, message = NO_FILES[case]
    with pytest.raises(PipelineError, match=message) as refusal, opened(make(tmp_path), ADVICE):
        pass
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_file_that_the_system_does_not_open_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    path = _file(tmp_path)

    def refuse(*_: object) -> int:
        raise OSError(reason, os.strerror(reason), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(PipelineError, match=rf"own\.csv: cannot be opened \({os.strerror(reason)}\)"),
        opened(path, ADVICE),
    ):
        pass
