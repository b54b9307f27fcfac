"""The settings of the service; the only place that reads the environment.

Defaults and help texts are defined here once; the CLI, the docs and `csvjobs doctor` are made from them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from csvjobs.errors import BadSetup, nearest

PREFIX = "CSVJOBS_"
BESIDE_ENGINE = 128 * 1024**2
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
SHORTEST_KEY = 16
LONGEST = 100 * 365 * UNITS["d"]


def seconds(text: str) -> int:
    """Parses a duration: `90`, `90s`, `30m`, `12h` or `7d`, in seconds. Raises ValueError."""
    match = re.fullmatch(r"\s*([0-9]{1,10})\s*([smhd]?)\s*", text)
    if not match:
        raise ValueError("It should be a time in seconds, or like 30m, 12h, 7d")
    found = int(match[1]) * UNITS[match[2]]
    if not 0 < found <= LONGEST:
        raise ValueError("It should be longer than 0 s and at most 100 years")
    return found


def address(url: str) -> str:
    """The URL of a Redis server. Raises ValueError for another scheme, or a port that is not a number."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("It should begin with redis://, rediss:// or unix://")
    try:
        urlsplit(url).port  # noqa: B018 (parsed when it is read)
    except ValueError:
        raise ValueError("The port should be a number from 0 to 65535") from None
    return url


def listenable(name: str) -> str:
    """A name or address to listen on. Raises ValueError."""
    if not re.fullmatch(r"[^\s\[\]/]+", name):
        raise ValueError("It should be a host name or an IP address, without brackets")
    return name


def host_names(text: str) -> str:
    """Names of hosts, separated by commas, or *. Raises ValueError."""
    for name in filter(None, map(str.strip, text.split(","))):
        if name != "*" and not re.fullmatch(r"[^\s/:*]+", name):
            raise ValueError("It should be host names without scheme and port, separated by commas, or *")
    return text


def no_file(path: Path) -> Path:
    """A folder, which may be missing. Raises ValueError for a file."""
    if os.path.isfile(path):  # noqa: PTH113 (Path's own raises an error where the folder may not be entered)
        raise ValueError("It should be a folder")
    return path


def long_enough(key: SecretStr) -> SecretStr:
    """A key for hashes. Raises ValueError."""
    if len(key.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"It should have at least {SHORTEST_KEY} characters")
    return key


Duration = Annotated[int, BeforeValidator(lambda given: seconds(str(given)))]
Pause = Annotated[int, BeforeValidator(lambda given: 0 if str(given) == "0" else seconds(str(given)))]
Address = Annotated[str, AfterValidator(address)]


class Settings(BaseSettings):
    """The settings of an operator, from environment variables; an empty one counts as not set.

    `load` raises BadSetup for an invalid value or an unknown CSVJOBS_ variable.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, populate_by_name=True
    )

    redis_url: Address = Field(
        "redis://localhost:6379/0",
        validation_alias="REDIS_URL",
        description="Redis or Valkey that holds the queue and the live progress.",
    )
    jobs_dir: Path = Field(Path("jobs"), description="Folder that holds one folder for each job.")
    pipelines_dir: Annotated[Path, AfterValidator(no_file)] = Field(
        Path("pipelines"), description="Folder of named pipelines (*.yaml)."
    )
    host: Annotated[str, AfterValidator(listenable)] = Field(
        "127.0.0.1", description="Address that the API listens on."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")
    allowed_hosts: Annotated[str, AfterValidator(host_names)] | None = Field(
        None,
        description="Host names that the API answers to, separated by commas; * for any. Always allowed are "
        "CSVJOBS_HOST, IP addresses, names without a dot, and those in .localhost, .local and .internal.",
    )
    workers: int = Field(
        2, ge=1, le=256, description="Worker processes that `csvjobs up` and `csvjobs worker` start."
    )
    owner_header: str | None = Field(
        None,
        pattern="^[A-Za-z0-9-]+$",
        description="Request header in which a proxy names the owner of a job; the proxy must let nobody "
        "else set it. While jobs of several owners wait, the owners take turns.",
    )
    priority_workers: int = Field(
        0,
        ge=0,
        le=256,
        description="Additional worker processes that take only jobs sent with priority=high; with 0, that "
        "is refused.",
    )
    max_upload_bytes: int = Field(
        100 * 1024**3, ge=1, description="Largest upload that is accepted, in bytes."
    )
    min_free_bytes: int = Field(
        256 * 1024**2,
        ge=0,
        description="Free disk space, in bytes, below which uploads are refused and large runs stop.",
    )
    job_timeout: Duration = Field(
        3600, description="Longest time that a job may run, in seconds, or like 30m, 12h."
    )
    job_memory: int = Field(
        512 * 1024**2, ge=64 * 1024**2, le=1024**4, description="Memory that a job may use, in bytes."
    )
    drain: Pause = Field(
        5,
        description="Time that running jobs may take to finish when the service is told to stop, in seconds, "
        "or like 5m; then they are put back, to run after the next start.",
    )
    job_attempts: int = Field(3, ge=1, description="How often a job is tried if its process dies.")
    retention: Duration | None = Field(
        None,
        description="Time after its end when a job is deleted with its files: in seconds, or like 30m, 12h, "
        "7d. An upload may ask for less. If not set, jobs are kept.",
    )
    mask_key: Annotated[SecretStr, AfterValidator(long_enough)] | None = Field(
        None,
        description=f"Key for the hashes of the step mask; at least {SHORTEST_KEY} characters.",
    )

    @property
    def engine_memory(self) -> int:
        """Bytes of the job's memory that its engine may use. The rest is for reading the file, and for memory
        that engines use but do not count."""
        return self.job_memory - min(BESIDE_ENGINE, self.job_memory // 4)

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable that sets the field `name`."""
        alias = cls.model_fields[name].validation_alias
        return str(alias) if alias else f"{PREFIX}{name.upper()}"


def load() -> Settings:
    """Settings from the environment. Raises BadSetup, which names the invalid variable and the reason."""
    known = {Settings.variable(name) for name in Settings.model_fields}
    unknown = sorted(v for v in os.environ if v.startswith(PREFIX) and v not in known)
    if unknown:
        raise BadSetup(f"Unknown setting {unknown[0]}.", hint=_nearest(unknown[0], known))
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = Settings.variable(name) if name in Settings.model_fields else name
        secret = variable == Settings.variable("mask_key") or "@" in str(first["input"])
        found = "" if secret else f" (found {first['input']!r})"
        raise BadSetup(f"{variable}: {first['msg'].removeprefix('Value error, ')}{found}.") from None


@contextmanager
def well_set_up() -> Iterator[None]:
    """Ends the program with a one-line message instead of a traceback when the block raises BadSetup."""
    try:
        yield
    except BadSetup as error:
        sys.exit(" ".join(filter(None, (error.message, error.hint))))


def _nearest(variable: str, known: Iterable[str]) -> str:
    """A hint with the most similar variable; compared without the prefix, which makes all names similar."""
    bare = {name.removeprefix(PREFIX): name for name in sorted(known)}
    near = nearest(variable.removeprefix(PREFIX), bare)
    return f"Did you mean {bare[near]}?" if near else f"Known settings: {', '.join(bare.values())}."
