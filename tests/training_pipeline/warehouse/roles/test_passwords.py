import stat
from pathlib import Path

import pytest

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.roles import passwords


def test_passwords_are_drawn_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "roles"
    drawn = passwords.complete(file, ["a_load", "a_build"])
    assert passwords.complete(file, ["a_load", "a_build"]) == drawn
    assert len(set(drawn.values())) == 2
    assert all(len(password) >= 32 for password in drawn.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_given_passwords_come_first_and_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "roles"
    passwords.complete(file, ["a_load", "a_build"])
    given = passwords.complete(
        file, ["a_load", "a_build"], {"a_load": r"with:colon\and backslash", "a_build": ""}
    )
    assert given["a_load"] == r"with:colon\and backslash"
    assert passwords.read(file) == given


def test_the_format_is_that_of_postgres_clients(tmp_path: Path) -> None:
    file = tmp_path / "roles"
    file.write_text("# mine\ndb:5432:*:me:first\n\n*:*:*:me:second\nbroken\n*:*:*:other:\n")
    assert passwords.read(file) == {"me": "first"}
    assert passwords.read(tmp_path / "absent") == {}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=rf"passwords of the roles in {tmp_path} cannot be read"):
        passwords.read(tmp_path)
    (tmp_path / "roles").write_bytes(b"\xff\xfe")
    with pytest.raises(PipelineError, match="cannot be read"):
        passwords.read(tmp_path / "roles")
