"""CNPG-DATA-002: backups that lie unencrypted, or under another key than everybody believes."""

from collections.abc import Iterator, Mapping

from seawall.operators.barman import SSE_KMS_ARGUMENT
from seawall.policy.estate.aws.cloud import Bucket, Cloud, Key, cloud
from seawall.policy.estate.aws.documents import Document, Request, every, holds, some
from seawall.policy.estate.aws.identities import Identities, Identity
from seawall.policy.estate.backups.archives import Store, restored_only, store_of
from seawall.policy.estate.backups.uploads import (
    READER_KEY_ACTIONS,
    WRITER_KEY_ACTIONS,
    about_encryption,
    may_use,
    put,
    readers,
    undecided,
    writers,
)
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, OBJECT_STORE
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Rule, Violation

KMS = "aws:kms"
_PARTS: Mapping[str, tuple[str, str]] = {
    "data": ("base backups", "additionalCommandArgs"),
    "wal": ("WAL files", "archiveAdditionalCommandArgs"),
}
"""What each part of a store is about, and where its key goes."""
_INVENTED = ("kmsKeyId", "serverSideEncryption", "sse", "sseAlgorithm", "sseKmsKeyId")
_MEND = "Set data.encryption and wal.encryption to the same, aws:kms on AWS, AES256 on an S3-compatible store."
_ANOTHER_KEY = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-000000000000"
"""Stands for a key that nobody named."""


def invented_fields(thing: KubeObject) -> Iterator[Violation]:
    """Fields that exist nowhere, or elsewhere: they look like encryption and are dropped, or the object is refused."""
    store = store_of(thing)
    for view in _places(thing, store):
        for name, value in view.entries():
            if name in _INVENTED or (name == "encryption" and view.path[-1] not in _PARTS):
                yield Violation(
                    f"{'.'.join(value.path)} does not exist: server-side apply refuses it, any other apply drops it, "
                    "and nothing is encrypted by it",
                    _MEND,
                    value.path,
                )


def _places(thing: KubeObject, store: Store | None) -> Iterator[View]:
    if thing.group_kind == OBJECT_STORE:
        yield thing.at("spec")
    if store is not None:
        yield store.config
        yield from (store.config.at(part) for part in _PARTS if store.config.at(part).present)


def agreement(thing: KubeObject) -> Iterator[Violation]:
    """Base backups and WAL that are encrypted in two ways."""
    store = store_of(thing)
    if store is None:
        return
    data, wal = (store.encryption(part).text() for part in _PARTS)
    if data is not None and wal is not None and data != wal:
        yield Violation(
            f"base backups ask for {data} and WAL files for {wal}: a restore needs both, and the weaker one decides",
            "Give data.encryption and wal.encryption the same value.",
            store.encryption("wal").path,
            facts={"data": data, "wal": wal},
        )


def endpoint(thing: KubeObject) -> Iterator[Violation]:
    """A store that is spoken to without TLS: backups and keys can be read on the way."""
    store = store_of(thing)
    if store is not None and (store.endpoint or "").lower().startswith("http://"):
        yield Violation(
            f"endpointURL is http://{store.host}: backups and the keys to the store travel in the clear",
            "Give an https endpoint, with endpointCA when its authority is not a public one.",
            store.config.at("endpointURL").path,
        )


def fields(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A store that is written to without asking for encryption."""
    store = store_of(thing)
    if store is None or not store.is_s3 or restored_only(thing, estate):
        return
    missing = [part for part in _PARTS if store.encryption(part).text() is None]
    if not missing:
        return
    other = next((part for part in _PARTS if part not in missing), None)
    what = " and ".join(_PARTS[part][0] for part in missing)
    beside = (
        f" while {_PARTS[other][0]} ask for {store.encryption(other).text()}: every changed row is in both"
        if other
        else ""
    )
    yield Violation(
        f"{what} are uploaded without asking for encryption ({' and '.join(f'{part}.encryption' for part in missing)} "
        f"{'are' if other is None else 'is'} missing){beside}",
        _MEND,
        store.encryption(missing[0]).path,
    )


def keys(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A KMS encryption that names no key, one where none belongs, or two."""
    store = store_of(thing)
    if store is None or not store.is_s3 or restored_only(thing, estate):
        return
    named: dict[str, str] = {}
    for part, (what, field) in _PARTS.items():
        encryption, key = store.encryption(part).text(), store.key(part)
        path = (*store.config.path, part, field)
        if encryption == KMS and not key and store.is_aws:
            yield Violation(
                f"{what} ask for aws:kms without naming a key: S3 takes the account's aws/s3 key, whose policy nobody "
                "can change and which no other account may use",
                f"Add {SSE_KMS_ARGUMENT}=<ARN of the key> to {part}.{field}.",
                path,
            )
        elif key is not None and encryption != KMS:
            yield Violation(
                f"{part}.{field} names a KMS key, and {part}.encryption is {encryption or 'missing'}: the key is not "
                "used with it",
                f"Set {part}.encryption: aws:kms.",
                path,
            )
        elif key:
            named[part] = key
    if len(set(named.values())) == 2:
        yield Violation(
            f"base backups are encrypted under {named['data']}, WAL files under {named['wal']}: a restore needs both",
            "Name the same key in both.",
            (*store.config.path, "wal", _PARTS["wal"][1]),
            facts=named,
        )


def bucket_default(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A bucket whose default encryption is another one than its store asks for."""
    for store, bucket, encryption, key in _seen(thing, estate):
        default = bucket.encryption
        holder = default.thing if default is not None else bucket.thing
        with blaming(holder):
            algorithm = (default.view.at("sseAlgorithm").text() if default is not None else None) or "AES256"
            if algorithm.removesuffix(":dsse") != encryption:
                yield Violation(
                    f"bucket {bucket.name} encrypts with {algorithm} by default, and {store.title} asks for "
                    f"{encryption}: what comes without the header lies there otherwise than the backups",
                    f"Set the bucket's default encryption to {encryption}{', with the same key' if key else ''}.",
                    default.view.path if default is not None else (),
                    about=holder,
                    facts={"default": algorithm, "asked": encryption},
                )
                continue
            if encryption != KMS or not key:
                continue
            named = default.view.at("kmsMasterKeyId").text() if default is not None else None
            same = _same_key(estate.memo(cloud), named, key)
            if same is None:
                raise CannotEvaluateError(
                    f"whether the key {named} of the bucket's default is the store's cannot be told"
                )
            if not same:
                yield Violation(
                    f"bucket {bucket.name} encrypts under {named or 'the aws/s3 key'} by default, and {store.title} "
                    f"names {key}",
                    "Give the bucket's default encryption the key that the store names.",
                    default.view.path if default is not None else (),
                    about=holder,
                    facts={"default": named or "aws/s3", "asked": key},
                )


def bucket_policy(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A bucket that takes uploads under other keys than the backups', or refuses the backups."""
    for store, bucket, encryption, key in _seen(thing, estate):
        policy = bucket.policy
        if policy is not None:
            yield from _refused(store, bucket, policy, put(bucket.arn, store.prefix, encryption, key))
        if encryption != KMS or not key:
            continue
        wrong = {
            "with AES256": put(bucket.arn, store.prefix, "AES256", None),
            "under another key": put(bucket.arn, store.prefix, KMS, _ANOTHER_KEY),
        }
        answers = {what: policy.denies(request) if policy is not None else False for what, request in wrong.items()}
        if None in answers.values():
            raise _cannot_tell(policy, "refuses uploads with another encryption")
        taken = [what for what, denied in answers.items() if not denied]
        if taken:
            yield Violation(
                f"bucket {bucket.name} takes uploads {' and '.join(taken)}"
                f"{': it has no policy' if policy is None else ''}, although {store.title} is meant to hold backups "
                f"under {key} only",
                "Add to the bucket policy: Deny s3:PutObject with StringNotEquals on "
                "s3:x-amz-server-side-encryption (aws:kms) and on s3:x-amz-server-side-encryption-aws-kms-key-id (the "
                "key's ARN).",
                policy.path if policy is not None else (),
                about=policy.thing if policy is not None else bucket.thing,
            )


def _refused(store: Store, bucket: Bucket, policy: Document, right: Request) -> Iterator[Violation]:
    """What denies the store's own uploads for their encryption headers."""
    for statement in policy.statements:
        with blaming(policy.thing):
            if not statement.denies or not statement.covers(right):
                continue
            encryption = [one for one in statement.conditions if about_encryption(one[1])]
            if not encryption or every(holds(*one, right) for one in encryption) is False:
                continue
            applies = every(
                holds(*one, right) if one[1].lower() != "aws:principalarn" else None for one in statement.conditions
            )
            if applies is None:
                raise _cannot_tell(policy, f"refuses the backups themselves ({statement.sid})")
            if not applies:
                continue
            yield Violation(
                f"the policy of bucket {bucket.name} ({statement.sid}) refuses what {store.title} uploads: archiving "
                "fails, and the WAL piles up until the volume is full",
                "Make the statement and the store name the same encryption and the same key, as an ARN.",
                statement.view.path,
                about=policy.thing,
            )


def key_rights(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A key that those who write or read the backups may not use."""
    for store, _, encryption, reference in _seen(thing, estate):
        key = estate.memo(cloud).key(reference) if encryption == KMS and reference else None
        if key is None:
            continue
        seen = estate.memo(cloud).identities
        yield from _unusable(key, seen, writers(store, estate), WRITER_KEY_ACTIONS, f"write to {store.title}")
        yield from _unusable(key, seen, readers(store, estate), READER_KEY_ACTIONS, f"only read {store.title}")


def _unusable(
    key: Key, identities: Identities, who: list[Identity], actions: tuple[str, ...], what: str
) -> Iterator[Violation]:
    answer = some(may_use(identity, key, actions) for identity in who)
    if not who or answer:
        return
    if answer is None:
        key.named()
        raise undecided(who, f"use the key {key.thing.name}")
    for identity in who:
        identities.whole(identity)
    verbs = " and ".join(action.removeprefix("kms:") for action in actions)
    yield Violation(
        f"none of those who may {what} ({', '.join(identity.title for identity in who)}) may {verbs} with key "
        f"{key.thing.name}: neither the key's policy names them, nor does it leave it to the account and their own "
        "policies allow it",
        f"Allow {verbs} to them in the key's policy.",
        ("policy",),
        about=key.policy.thing if key.policy is not None else key.thing,
    )


def _seen(thing: KubeObject, estate: Estate) -> Iterator[tuple[Store, Bucket, str, str | None]]:
    """The store with its bucket, encryption and key, when the bucket is in this estate and the store says one thing."""
    store = store_of(thing)
    if store is None or not store.is_aws or restored_only(thing, estate):
        return
    bucket = estate.memo(cloud).bucket(store.bucket)
    asked = {store.encryption(part).text() for part in _PARTS}
    encryption = asked.pop()
    if bucket is None or encryption is None or asked:
        return
    yield store, bucket, encryption, store.key("wal") or store.key("data")


def _same_key(seen: Cloud, one: str | None, other: str) -> bool | None:
    """Whether two names mean one key; None when one is an alias or an id that nothing here explains."""
    if one is None or one == other:
        return one == other
    keys = seen.key(one), seen.key(other)
    if None not in keys:
        return keys[0] is keys[1]
    if all(name.startswith("arn:") and ":alias/" not in name for name in (one, other)):
        return False
    return True if one.rpartition("/")[2] == other.rpartition("/")[2] and "alias/" not in one + other else None


def _cannot_tell(policy: Document | None, what: str) -> CannotEvaluateError:
    problem = CannotEvaluateError(
        f"whether the bucket policy {what} cannot be told: it depends on a condition that cannot be decided from here",
        policy.path if policy is not None else (),
    )
    if policy is not None:
        problem.about(policy.thing)
    return problem


RULE = Rule(
    id="CNPG-DATA-002",
    risks=("CNPG-DATA-002",),
    title="Backups are encrypted, both halves, under the one key",
    score=6,
    why=(
        "Base backups and WAL hold every row. Each has a field of its own for encryption (`data.encryption` and "
        "`wal.encryption`), the KMS key travels in two more, and there is no field `sse`. Bucket default, bucket "
        "policy, key policy and the rights of writer and reader must all agree with them, or backups lie under another "
        "key, or archiving stops."
    ),
    mend=(
        "Set both fields, name the key in both argument lists, and give bucket default, bucket policy and key policy "
        "the same key."
    ),
    kinds=(OBJECT_STORE, CLUSTER),
    alone=(invented_fields, agreement, endpoint),
    together=(fields, keys, bucket_default, bucket_policy, key_rights),
)
