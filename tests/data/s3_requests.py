"""What a request to S3 needs to be allowed: actions, resources and condition keys, read from the request alone.

From S3's own tables of the permissions that each operation needs and of the condition keys. A request that is not in
here is an error, so that nothing passes a judge unjudged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

SSE: Final = "x-amz-server-side-encryption"
SSE_KEY: Final = "x-amz-server-side-encryption-aws-kms-key-id"
_SSE_HEADERS: Final = (SSE, SSE_KEY, "x-amz-server-side-encryption-customer-algorithm")

_BUCKET: Final[Mapping[tuple[str, str], str]] = {
    ("GET", ""): "s3:ListBucket",
    ("HEAD", ""): "s3:ListBucket",
    ("PUT", ""): "s3:CreateBucket",
    ("DELETE", ""): "s3:DeleteBucket",
    ("GET", "location"): "s3:GetBucketLocation",
    ("GET", "versions"): "s3:ListBucketVersions",
    ("GET", "uploads"): "s3:ListBucketMultipartUploads",
    ("GET", "policy"): "s3:GetBucketPolicy",
    ("PUT", "policy"): "s3:PutBucketPolicy",
    ("DELETE", "policy"): "s3:DeleteBucketPolicy",
    ("PUT", "versioning"): "s3:PutBucketVersioning",
    ("PUT", "encryption"): "s3:PutEncryptionConfiguration",
    ("DELETE", "encryption"): "s3:PutEncryptionConfiguration",
    ("PUT", "lifecycle"): "s3:PutLifecycleConfiguration",
    ("DELETE", "lifecycle"): "s3:PutLifecycleConfiguration",
    ("PUT", "replication"): "s3:PutReplicationConfiguration",
    ("PUT", "acl"): "s3:PutBucketAcl",
    ("PUT", "ownershipControls"): "s3:PutBucketOwnershipControls",
    ("DELETE", "ownershipControls"): "s3:PutBucketOwnershipControls",
    ("PUT", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("DELETE", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("PUT", "object-lock"): "s3:PutBucketObjectLockConfiguration",
}
_OBJECT: Final[Mapping[tuple[str, str], str]] = {
    ("GET", ""): "s3:GetObject",
    ("HEAD", ""): "s3:GetObject",
    ("PUT", ""): "s3:PutObject",
    ("POST", "uploads"): "s3:PutObject",
    ("PUT", "uploadId"): "s3:PutObject",
    ("POST", "uploadId"): "s3:PutObject",
    ("GET", "uploadId"): "s3:ListMultipartUploadParts",
    ("DELETE", "uploadId"): "s3:AbortMultipartUpload",
    ("DELETE", ""): "s3:DeleteObject",
    ("PUT", "acl"): "s3:PutObjectAcl",
    ("PUT", "tagging"): "s3:PutObjectTagging",
    ("PUT", "retention"): "s3:PutObjectRetention",
    ("PUT", "legal-hold"): "s3:PutObjectLegalHold",
}
_OF_A_VERSION: Final = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
}
_BY_HEADER: Final[Mapping[str, str]] = {
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
    "x-amz-bypass-governance-retention": "s3:BypassGovernanceRetention",
}
"""What a header makes needed besides the action itself."""
_NOT_KNOWN: Final = ("x-amz-copy-source", "x-amz-grant-")
_SUBRESOURCES: Final = {name for _, name in (*_BUCKET, *_OBJECT) if name} | {"delete"}
_PLAIN: Final = {
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-uploads",
    "partNumber",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
}
"""Parameters that change nothing of what is needed, or are looked at here."""


class UnknownRequestError(Exception):
    """What this request needs is not known here."""


@dataclass(frozen=True)
class Asked:
    """What one request asks for."""

    bucket: str
    key: str
    """Empty for a request to the bucket itself."""
    needs: tuple[tuple[str, str], ...]
    """Every action with the resource's path (`bucket`, or `bucket/key`) that must be allowed."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys that stand in the request; of the requests of a large upload, only its first one has any."""
    subresource: str = ""
    upload: str = ""
    """The id of the large upload that the request belongs to."""

    @property
    def action(self) -> str:
        """The first action, by which the request is known."""
        return self.needs[0][0]


def asked(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """Reads a request; `target` is the path with the bucket first, `headers` have lower-case names.

    Raises `UnknownRequestError`.
    """
    split = urlsplit(target)
    bucket, _, key = unquote(split.path).lstrip("/").partition("/")
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    subresources = sorted(set(query) & _SUBRESOURCES)
    strange = [name for name in query if name not in _SUBRESOURCES | _PLAIN]
    strange += [name for name in headers if name.startswith(_NOT_KNOWN)]
    if strange or len(subresources) > 1 or not bucket:
        raise UnknownRequestError(f"{method} {target} {strange}")
    subresource = "".join(subresources)
    context = {f"s3:{name}": query[name] for name in ("prefix", "delimiter", "max-keys") if name in query}
    context |= {f"s3:{name}": headers[name] for name in _SSE_HEADERS if name in headers}
    if (method, key, subresource) == ("POST", "", "delete"):
        return Asked(bucket, "", tuple(_deletions(bucket, headers, body)), context, subresource)
    action = (_OBJECT if key else _BUCKET).get((method, subresource))
    if action is None:
        raise UnknownRequestError(f"{method} {target}")
    if query.get("versionId"):
        action = _OF_A_VERSION.get(action, action)
    resource = f"{bucket}/{key}" if key else bucket
    needs = [(action, resource), *((_BY_HEADER[name], resource) for name in _BY_HEADER if name in headers and key)]
    return Asked(bucket, key, tuple(dict.fromkeys(needs)), context, subresource, query.get("uploadId", ""))


def _deletions(bucket: str, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    """Deleting many objects with one request needs the right for each of them."""
    needs = []
    for it in ElementTree.fromstring(body).iterfind("{*}Object"):
        action = "s3:DeleteObjectVersion" if it.findtext("{*}VersionId") else "s3:DeleteObject"
        resource = f"{bucket}/{it.findtext('{*}Key')}"
        needs.append((action, resource))
        if "x-amz-bypass-governance-retention" in headers:
            needs.append(("s3:BypassGovernanceRetention", resource))
    if not needs:
        raise UnknownRequestError("a deletion of nothing")
    return needs


def parts(request: Asked) -> list[Asked]:
    """What S3 decides one by one: each object of a deletion of many; else the request itself."""
    if request.subresource != "delete":
        return [request]
    one_by_one: dict[str, list[tuple[str, str]]] = {}
    for action, resource in request.needs:
        one_by_one.setdefault(resource.partition("/")[2], []).append((action, resource))
    return [Asked(request.bucket, key, tuple(needs), request.context) for key, needs in one_by_one.items()]
