"""The digest of a file that grows equals that of the whole file."""

import hashlib
from pathlib import Path

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
