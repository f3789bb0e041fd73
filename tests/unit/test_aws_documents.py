"""The policy documents as text; `test_aws_requests.py` decides requests by them."""

import json

from seawall.components.aws import documents

BUCKET = "arn:aws:s3:::backups"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


def test_only_the_named_service_accounts_take_the_role() -> None:
    document = documents.trust_policy(
        partition="aws", account="123456789012", provider="oidc.example.org/id/1", service_accounts=["db:b", "db:a"]
    )
    [statement] = json.loads(document)["Statement"]
    assert statement["Principal"]["Federated"] == "arn:aws:iam::123456789012:oidc-provider/oidc.example.org/id/1"
    assert statement["Condition"]["StringEquals"] == {
        "oidc.example.org/id/1:aud": "sts.amazonaws.com",
        "oidc.example.org/id/1:sub": ["system:serviceaccount:db:a", "system:serviceaccount:db:b"],
    }


def test_the_same_input_gives_the_same_text() -> None:
    again = documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["b", "/a/"])
    assert again == documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["a", "b"])


def test_names_give_arns() -> None:
    assert documents.user_arn("aws", "1", "u", "/seawall/") == "arn:aws:iam::1:user/seawall/u"
    assert documents.role_arn("aws-cn", "1", "r") == "arn:aws-cn:iam::1:role/r"
    assert documents.bucket_arn("aws", "b") == "arn:aws:s3:::b"
