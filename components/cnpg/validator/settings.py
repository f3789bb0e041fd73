"""What must be true of the archive: from the CronJob's environment and the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

ENCRYPTIONS = ("aws:kms", "AES256")
_DIGITS = 12
"""Of a number: more would be no time span and no count."""


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which."""


@dataclass(frozen=True)
class Expectation:
    """What must be true of the archive, and how closely to look; times in seconds."""

    bucket: str
    archive: str
    """Folder of the cluster in the bucket, with `base/` and `wals/` below it."""
    max_backup_age: int
    max_wal_age: int
    encryption: str
    """`aws:kms` or `AES256`."""
    key: str | None = None
    """ARN of the KMS key; None with `AES256`."""
    endpoint: str | None = None
    """Address of an S3-compatible store; None for AWS."""
    max_backup_duration: int = 6 * 3600
    """How long a base backup may be under way before it counts as one that failed."""
    max_clock_skew: int = 300
    """By how much the clocks may differ."""
    sample: int = 20
    """How many objects besides the backup's and the newest are looked at (HEAD; with `deep` WAL is read)."""
    page_percent: int = 20
    """Of how many of a hundred relation files the pages are verified, with `deep`; of all of them with `every`."""
    deep: bool = False
    """Whether the content is read."""
    every: bool = False
    """Whether every object is looked at, and not a sample."""
    attempts: int = 5
    """How often a request is made before it counts as failed."""
    metrics_file: str | None = None
    """Where the metrics are written as well; None for nowhere."""
    termination_file: str | None = None
    """Where the verdict is written for Kubernetes to show; None for nowhere."""

    def where(self, key: str = "") -> str:
        """An object's address, as messages have it; `key` is relative to the archive."""
        return f"s3://{self.bucket}/{self.archive}/{key}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def expectation(arguments: Sequence[str], environment: Mapping[str, str]) -> Expectation:
    """What was asked for. Raises `SettingsError` when it is not complete, not understood, or contradicts itself."""
    parser = _Parser(prog="validator", description="Validates one archive of barman-cloud in an object store.")
    parser.add_argument("--deep", action="store_true", help="read the base backup and a sample of WAL whole")
    parser.add_argument("--all", action="store_true", dest="every", help="every object instead of a sample")
    parser.add_argument("--sample", type=int, help="how many objects are sampled (default: SAMPLE, else 20)")
    parser.add_argument("--metrics-file", help="write the metrics here as well (default: METRICS_FILE)")
    given = parser.parse_args(arguments)
    encryption = _text(environment, "EXPECTED_ENCRYPTION")
    if encryption not in ENCRYPTIONS:
        raise SettingsError(f"EXPECTED_ENCRYPTION must be one of {', '.join(ENCRYPTIONS)}")
    key = environment.get("EXPECTED_KMS_KEY", "").strip() or None
    if encryption == "aws:kms" and key is None:
        raise SettingsError("EXPECTED_KMS_KEY is missing: with aws:kms the key is checked as well")
    if given.sample is not None and given.sample < 0:
        raise SettingsError("--sample must not be negative")
    every = given.every or _switch(environment, "ALL_OBJECTS")
    page_percent = _number(environment, "PAGE_PERCENT", 20)
    if page_percent > 100:
        raise SettingsError("PAGE_PERCENT must be at most 100")
    return Expectation(
        bucket=_text(environment, "BACKUP_BUCKET"),
        archive=_folder(environment),
        max_backup_age=_number(environment, "MAX_BACKUP_AGE_SECONDS"),
        max_wal_age=_number(environment, "MAX_WAL_AGE_SECONDS"),
        encryption=encryption,
        key=key if encryption == "aws:kms" else None,
        endpoint=_endpoint(environment),
        max_backup_duration=_number(environment, "MAX_BACKUP_DURATION_SECONDS", 6 * 3600),
        max_clock_skew=_number(environment, "MAX_CLOCK_SKEW_SECONDS", 300),
        sample=_number(environment, "SAMPLE", 20) if given.sample is None else given.sample,
        page_percent=100 if every else page_percent,
        deep=given.deep or _switch(environment, "DEEP"),
        every=every,
        attempts=max(1, _number(environment, "MAX_ATTEMPTS", 5)),
        metrics_file=given.metrics_file or environment.get("METRICS_FILE") or None,
        termination_file=environment.get("TERMINATION_FILE") or None,
    )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"the environment lacks {name}")
    return value


def _folder(environment: Mapping[str, str]) -> str:
    value = _text(environment, "BACKUP_ARCHIVE").strip("/")
    if not value:
        raise SettingsError("BACKUP_ARCHIVE must be the server's folder, like main/main, not the whole bucket")
    return value


def _endpoint(environment: Mapping[str, str]) -> str | None:
    value = environment.get("BACKUP_ENDPOINT") or None
    if value is not None and "@" in value:
        raise SettingsError(
            "BACKUP_ENDPOINT must be an address without user and password: the keys have variables of their own"
        )
    if value is not None and not value.startswith(("https://", "http://")):
        raise SettingsError(f"BACKUP_ENDPOINT must be an address like https://host: {value}")
    return value


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    value = environment.get(name, "").strip()
    if not value and default is not None:
        return default
    if not value:
        raise SettingsError(f"{name} must be a whole number and is missing")
    if not value.isdecimal() or len(value) > _DIGITS:
        raise SettingsError(f"{name} must be a whole number of at most {_DIGITS} digits, not {value[: _DIGITS + 1]!r}")
    return int(value)


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "").strip().lower()
    if value not in ("", "true", "false"):
        raise SettingsError(f"{name} must be true or false")
    return value == "true"
