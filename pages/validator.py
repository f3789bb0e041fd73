"""The page of the backup validator: its table of checks, classes and exit codes, and what stands around it."""

from seawall.components.cnpg import validation
from seawall.components.cnpg.validator import bases, pages, settings
from seawall.components.cnpg.validator.classes import CHECKS, CLASSES
from seawall.pages import markdown

_ABOUT = """
The CronJob `<cluster>-validation` looks whether a restore would find what it needs: a finished base backup that is
young enough and whole, every WAL segment from its begin to the newest, the histories of the timelines between, all of
it encrypted as agreed, and nothing else in the folder. It holds the reader's keys alone, has no shell, writes nothing
but `/tmp`, and takes its program from a ConfigMap. Settings:
[Validation](reference/cnpg.md#validation).

It prints one line of JSON ([schema](schemas/validation-report-v1.schema.json)) and ends with the exit code of the
gravest class that failed. Classes that a second run would find again fail the Job at once; an unreachable or throttling
store is tried once more. The verdict is also the container's termination message, which `kubectl describe pod` shows.
"""

_RESTORABLE = """
`ok` says whether all is as agreed. `restorable` says something else: whether a restore of the newest finished backup
would succeed. An old backup under the wrong key is not as agreed and can be restored; a young one without its
`end_wal` cannot. `restorable_until` names the last WAL that recovery reaches: a later hole does not prevent a restore,
what comes after it is lost. Three things are not passed over by PostgreSQL, so that `restorable` is false there too: a
timeline that does not descend from the backup's, or a broken newest history; WAL that unpacks to another size than a
segment's, wherever recovery meets it; and a page with a wrong checksum, which no server reads. A page of an index
counts as well: which file is an index's the backup does not say.

`restorable_by` says what this rests on: `objects` are names, sizes and metadata; `content` means that the backup
was unpacked to its end and the WAL that it needs read record by record. What each kind of damage to a real archive came
to is [measured](data.md#damage), against a real restore.
"""

_SEEN = """
| damage | found by |
| --- | --- |
| backup missing, too old, failed, given up | `backup-age`, `backup-finished` |
| backup.info missing, cut off, or contradicting itself | `backup-finished`, `backup-info` |
| a tar or a tablespace missing, empty, cut off (gzip, lz4, plain) | `backup-data` |
| a tar cut off (bzip2, snappy), flipped bits, a damaged header | `deep-base` |
| wrong pg_control, PG_VERSION or backup_label | `deep-control` |
| a relation's page with a wrong checksum | `deep-pages` |
| WAL missing between begin and end of the backup | `wal-needed` |
| WAL missing after it, or never archived | `wal-chain`, `wal-age` |
| a timeline's history missing or broken, a wrong branch | `wal-history` |
| empty WAL objects, or of a size that cannot be | `wal-objects` |
| the last part of a tar in several parts missing | `deep-control` |
| WAL with flipped bits, cut off, of another server or place | `deep-wal` |
| another algorithm or key, or none | `encryption-backup`, `encryption-wal`, `encryption-sample` |
| objects of somebody else, WAL of another segment size | `foreign-objects` |
| a clock that is wrong: of the store, the database, or ours | `clock` |
| an object that is listed and not there | the check that needed it |
"""

_LIMITS = """
- A delete marker is not seen as such: the reader may not list versions. What it hides is missing, and told so.
- Without `deep` nobody knows what is inside an object. With it the backup is read whole, WAL as far as the backup
  needs it, the newest, and a sample. `all_objects` reads all WAL: about a second for each segment of 16 MiB.
- A page that was written while the backup ran may be torn. It is a finding only when no record of the backup's own WAL
  writes it anew; a page with a position after the backup's begin is passed over, as PostgreSQL itself does.
- lz4 and zstd as barman uses them have no checksum of the content: there flipped bits are seen in WAL by its records'
  checksums, in a base backup by page checksums and headers; a file that is no relation may be wrong unseen.
- Pages are taken as 8 KiB, files of large relations as 1 GiB, as in every image of CloudNativePG.
- Files without checksums, such as `pg_xact`, may be wrong unseen when they were so before they were packed: the digest
  of a table shows it, in a restore drill.
- Of the WAL file in which the backup begins only what follows its begin is read, as recovery does.
- The sample depends on the backup alone: a second run looks at the same objects.
- A backup that nobody restored is a hope. The restore drill restores it.
"""

_METRICS = """
No port is opened in a pod that holds keys to the backups, and no push gateway is assumed. What leaves the pod: the
Job's success, which kube-state-metrics knows and the alert
[CnpgBackupNotValidated](runbooks/CnpgBackupNotValidated.md) asks; the JSON line, for whatever collects logs; and the
text of the metrics in its `metrics`, or with `METRICS_FILE` (`--metrics-file`) in a file for a collector of text files.
"""

_SHORT = """
`tool: aws-cli` (option A) and `tool: mc` (option B) run a short script on the vendor's image. Neither client can
compare a time with now, or one answer with another, so the scripts need the images' shell; they install nothing and run
with the same restrictions. They look at the newest base backup and the newest WAL alone, by age and encryption, and
name the rest in `not_checked`. `mc` does not see the KMS key and is for S3-compatible stores. `requests` counts calls
of the client. The scripts were run with the AWS CLI 1.46 and mc of August 2025 against moto; the images were not.
"""

_BY_HAND = """
```sh
# the reader's keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the rest as in the CronJob's environment
cd components/cnpg && python -B -m validator --deep --all
```
"""


def page() -> str:
    """The page."""
    seen = ", ".join(markdown.code(check) for check in sorted(validation.SEEN_BY_SHORT))
    return markdown.page(
        "components/cnpg/validator",
        "The backup validator",
        markdown.paragraphs(_ABOUT),
        "## Checks",
        markdown.table(
            ("check", "question", "class", "needs"),
            [
                (markdown.code(row.name), row.question, markdown.code(row.failure.label), "`deep`" if row.deep else "")
                for row in CHECKS
            ],
        ),
        "A check that could not be made says why, and is in `not_checked`. None of them changes anything.",
        "## Classes and exit codes",
        "0: every check that was made passed. Of several classes the first in this table gives the code.",
        markdown.table(
            ("code", "class", "meaning", "what to do"),
            [(str(int(row.failure)), markdown.code(row.failure.label), row.meaning, row.mend) for row in CLASSES],
        ),
        "## Restorable",
        markdown.paragraphs(_RESTORABLE),
        "## What finds what",
        _SEEN.strip(),
        "## Limits",
        _LIMITS.strip(),
        "## Metrics",
        markdown.paragraphs(_METRICS),
        "## Settings of the program",
        "The CronJob gives them; by hand they are the environment, or arguments.",
        markdown.table(("variable", "meaning"), _variables()),
        _BY_HAND.strip(),
        "## The other tools",
        markdown.paragraphs(_SHORT),
        markdown.table(
            ("tool", "image", "checks"),
            [(markdown.code(tool), markdown.code(image), seen) for tool, image in validation.IMAGES.items()],
        ),
    )


def _variables() -> list[tuple[str, str]]:
    default = settings.Expectation("", "", 0, 0, "AES256")
    rows = {
        "BACKUP_BUCKET, BACKUP_ARCHIVE": "the bucket, and the server's folder in it",
        "BACKUP_ENDPOINT": "an S3-compatible store; without it AWS",
        "MAX_BACKUP_AGE_SECONDS, MAX_WAL_AGE_SECONDS": "how old the newest may be",
        "EXPECTED_ENCRYPTION, EXPECTED_KMS_KEY": "`aws:kms` and the key's ARN, or `AES256`",
        "MAX_BACKUP_DURATION_SECONDS": f"how long a backup may be under way ({default.max_backup_duration})",
        "MAX_CLOCK_SKEW_SECONDS": f"by how much clocks may differ ({default.max_clock_skew})",
        "SAMPLE, `--sample`": f"WAL objects that are looked at, with `deep` also read ({default.sample})",
        "PAGE_PERCENT": f"relation files of 100 with verified pages ({default.page_percent}; 100 with `ALL_OBJECTS`)",
        "DEEP, `--deep`": "`true`: read content",
        "ALL_OBJECTS, `--all`": "`true`: every object instead of a sample",
        "MAX_ATTEMPTS": f"tries of each request ({default.attempts}), with growing pauses",
        "METRICS_FILE, `--metrics-file`; TERMINATION_FILE": "where metrics and verdict are written as well",
    }
    rows["(fixed)"] = (
        f"attempts that are looked back at: {bases.LOOK_BACK}; bytes of a page: {pages.PAGE}; objects of a LIST: 1,000"
    )
    return [(name if "`" in name or name.startswith("(") else markdown.code(name), text) for name, text in rows.items()]
