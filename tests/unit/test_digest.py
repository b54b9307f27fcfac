"""The digest of a growing file equals that of the whole file."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvjobs.flow.digest import GrowingDigest, file_info


@given(st.lists(st.binary(max_size=5000), max_size=5))
def test_a_growing_files_digest_is_that_of_the_whole(tmp_path_factory, pieces: list[bytes]) -> None:
    path: Path = tmp_path_factory.mktemp("digest") / "file"
    with GrowingDigest(path) as digest, path.open("ab", buffering=0) as file:
        for piece in pieces:
            file.write(piece)
    whole = b"".join(pieces)
    assert digest.info.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.info.bytes == len(whole)
    assert file_info(path) == digest.info


def test_pieces_may_arrive_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As DuckDB's threads write them: each piece to its place, a later one sometimes first."""
    monkeypatch.setattr("csvjobs.flow.digest.LOOK_EVERY", 3600)
    path = tmp_path / "file"
    with GrowingDigest(path) as digest, path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"first", 0)
        digest.look()
        assert digest.info.bytes == 5
        os.pwrite(file.fileno(), b"third", 11)
        digest.look()
        assert digest.info.bytes == 5
        os.pwrite(file.fileno(), b"second", 5)
    assert digest.info.sha256 == hashlib.sha256(b"firstsecondthird").hexdigest()
    assert digest.info.bytes == 16


def test_where_it_cannot_follow_it_hashes_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    path = tmp_path / "file"
    with GrowingDigest(path) as digest:
        path.write_bytes(b"whole")
    assert digest.info == file_info(path)
    assert digest.info.bytes == 5
