"""The reference for uploads: nginx that stores a PUT (its dav module), as an ordinary process on loopback."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import answers, free_port, process, until

PROGRAM = shutil.which("nginx", path=os.defpath + ":/usr/sbin:/usr/local/sbin")
INSTALL = "nginx is not installed (Debian: apt-get install nginx-light)"

# The body buffer is as large as the service's own writes; nginx's default of 16 KiB costs it more.
CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/unused;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location / {{ dav_methods PUT; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A server that runs: its process, its address and the folder in which uploads appear."""

    pid: int
    url: str
    files: Path


def installed() -> bool:
    """Whether there is an nginx to compare with."""
    return PROGRAM is not None


@contextmanager
def nginx(parent: Path) -> Iterator[Nginx]:
    """A server of its own, in a folder below `parent`, for as long as the block runs."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "files").mkdir()
        config, log = folder / "nginx.conf", folder / "error.log"
        config.write_text(CONFIGURATION.format(folder=folder, port=port))
        with process([PROGRAM or "nginx", "-p", str(folder), "-c", str(config), "-e", str(log)]) as pid:
            until(lambda: answers(port))
            yield Nginx(pid, f"http://127.0.0.1:{port}", folder / "files")
