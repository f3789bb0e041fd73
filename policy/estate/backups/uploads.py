"""What barman asks of S3 and KMS, and who in an estate may do it."""

from collections.abc import Iterator, Mapping

from seawall.policy.estate.aws.cloud import Cloud, Key, cloud
from seawall.policy.estate.aws.documents import SOMEBODY, Request, every
from seawall.policy.estate.aws.identities import Identity
from seawall.policy.estate.backups.archives import Store, users_of
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
"""On a service account: the IAM role that its pods take."""
WRITER_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
"""What encrypting an upload takes; a multipart upload, as that of a base backup, decrypts too."""
READER_KEY_ACTIONS = ("kms:Decrypt",)
_COLONS = 5
"""In every ARN, at least."""
_PLAIN = {"aws:securetransport": "false"}
_ENCRYPTION = "s3:x-amz-server-side-encryption"
KEY_CONDITION = f"{_ENCRYPTION}-aws-kms-key-id"


def put(bucket: str, prefix: str, encryption: str | None, key: str | None) -> Request:
    """An upload over https with these headers; None is a header that is not sent. `bucket` is an ARN."""
    headers: Mapping[str, str | None] = {
        _ENCRYPTION: encryption,
        KEY_CONDITION: key,
        f"{_ENCRYPTION}-customer-algorithm": None,
    }
    return Request("s3:PutObject", _object(bucket, prefix), SOMEBODY, {"aws:securetransport": "true", **headers})


def over_http(store: Store, bucket: str, action: str) -> Request:
    """A request without TLS, an upload encrypted as the store asks. `bucket` is an ARN."""
    if action == "s3:ListBucket":
        return Request(action, bucket, SOMEBODY, _PLAIN)
    with blaming(store.thing):
        request = put(bucket, store.prefix, store.encryption("wal").text(), store.key("wal"))
    return Request(action, request.resource, SOMEBODY, {**request.context, **_PLAIN})


def about_encryption(key: str) -> bool:
    """Whether a condition's key is one of the headers of server-side encryption."""
    return key.lower().startswith(_ENCRYPTION)


def may(identity: Identity, action: str, store: Store, seen: Cloud) -> bool | None:
    """Whether an identity may do something with a store's objects (or its bucket), encrypted as the store asks."""
    bucket = seen.buckets[store.bucket or ""]
    on_bucket = action in ("s3:ListBucket", "s3:GetBucketLocation") or "Bucket" in action or "Configuration" in action
    with blaming(store.thing):
        headers = put(bucket.arn, store.prefix, store.encryption("wal").text(), store.key("wal")).context
    resource = bucket.arn if on_bucket else _object(bucket.arn, store.prefix)
    return identity.may(Request(action, resource, identity.arn, headers), bucket.policy)


def may_use(identity: Identity, key: Key, actions: tuple[str, ...]) -> bool | None:
    """Whether an identity may use a key for all of these, as S3 does it on its behalf."""
    arn = next((name for name in key.names if name.startswith("arn:") and name.count(":") >= _COLONS), None)
    context = {"aws:securetransport": "true"}
    if arn is not None:
        partition, _, region = arn.split(":")[1:4]
        context["kms:viaservice"] = f"s3.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    answers = []
    for action in actions:
        request = Request(action, arn or "arn::kms:::key/unknown", identity.arn, context)
        answers.append(identity.may_use(request, key.policy))
    return every(answers)


def writers(store: Store, estate: Estate) -> list[Identity]:
    """The identities of an estate that may write to a store: the roles that its clusters name, else all that may."""
    seen = estate.memo(cloud)
    if seen.bucket(store.bucket) is None:
        return []
    if store.inherits:
        return list(_roles(store, estate, seen))
    return [it for it in _candidates(store, seen) if may(it, "s3:PutObject", store, seen)]


def readers(store: Store, estate: Estate) -> list[Identity]:
    """The identities of an estate that may read what a store wrote, and not write to it."""
    seen = estate.memo(cloud)
    if seen.bucket(store.bucket) is None:
        return []
    return [
        it
        for it in _candidates(store, seen)
        if may(it, "s3:GetObject", store, seen) and may(it, "s3:PutObject", store, seen) is False
    ]


def backup_identities(store: Store, estate: Estate) -> list[Identity]:
    """The identities of an estate that are there for a store's bucket: their policies name it. Admins of everything are
    left out."""
    return [it for it in _candidates(store, estate.memo(cloud)) if is_for(it, store.bucket or "")]


def is_for(identity: Identity, bucket: str) -> bool:
    """Whether an identity's policies name this bucket, and none of them every bucket."""
    named = {name for document in identity.documents for it in document.statements for name in it.buckets()}
    return bucket in named and not any("*" in name for name in named)


def _candidates(store: Store, seen: Cloud) -> tuple[Identity, ...]:
    """Who might use a store. Raises while policies are not known yet: then nothing can be said of anybody."""
    if seen.identities.awaited is not None:
        raise seen.identities.awaited.with_traceback(None)
    return seen.users_of(store.bucket or "")


def _roles(store: Store, estate: Estate, seen: Cloud) -> Iterator[Identity]:
    clusters = [archive.cluster for archive in users_of(store.thing, estate)]
    for arn in dict.fromkeys(role_of(cluster) for cluster in clusters):
        role = seen.identities.role(arn) if arn else None
        if role is not None:
            yield role


def role_of(cluster: KubeObject) -> str | None:
    """The IAM role that a Cluster's pods take through their service account."""
    path = ("spec", "serviceAccountTemplate", "metadata", "annotations", ROLE_ANNOTATION)
    with blaming(cluster):
        return cluster.at(*path).text()


def undecided(identities: list[Identity], what: str) -> CannotEvaluateError:
    """Why rights cannot be told: the first policy that cannot be read, or what is not in this estate."""
    for identity in identities:
        for problem in identity.problems:
            return problem
    unseen = [arn for identity in identities for arn in identity.unseen]
    whose = ", ".join(identity.title for identity in identities)
    problem = CannotEvaluateError(
        f"whether {whose} may {what} cannot be told"
        + (f": policy {unseen[0]} is not in this stack" if unseen else ": a condition cannot be decided from here")
    )
    problem.about(identities[0].thing)
    return problem


def _object(bucket: str, prefix: str) -> str:
    return f"{bucket}/{prefix}/object" if prefix else f"{bucket}/object"
