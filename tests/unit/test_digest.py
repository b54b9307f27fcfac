"""The digest of a growing file equals that of the whole file."""

import hashlib
import os
import time
from pathlib import Path

from chaos import eventually
from hypothesis import given
from hypothesis import strategies as st

from csvjobs.flow.digest import LOOK_EVERY, GrowingDigest, file_info


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


def test_pieces_may_arrive_in_any_order(tmp_path: Path) -> None:
    """As DuckDB's threads write them: each piece to its place, a later one sometimes first."""
    path = tmp_path / "file"
    with GrowingDigest(path) as digest, path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"first", 0)
        eventually(lambda: digest.info.bytes == 5)
        os.pwrite(file.fileno(), b"third", 11)
        time.sleep(4 * LOOK_EVERY)  # time to be fooled by the hole
        os.pwrite(file.fileno(), b"second", 5)
    assert digest.info.sha256 == hashlib.sha256(b"firstsecondthird").hexdigest()
    assert digest.info.bytes == 16
