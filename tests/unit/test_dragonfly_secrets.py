"""The Secrets of a Dragonfly instance: fetched or there already, and what each of them needs beside it."""

from typing import Any

import pytest
from dragonfly_samples import ACL, BUCKET_SNAPSHOT, CLIENT_CA, ROLE_SNAPSHOT, TLS, args, problems

from seawall.components.dragonfly import manifests, monitoring
from seawall.components.dragonfly.secrets import DEFAULT_USER, external_secrets, service_account
from seawall.operators.dragonfly.projection import project
from seawall.operators.versions import dragonfly_behaviour

EVERYTHING: dict[str, Any] = {"acl": ACL, "tls": {**TLS, "client_ca": CLIENT_CA}, "snapshot": BUCKET_SNAPSHOT}
EXISTING: dict[str, Any] = {
    "acl": {"secret": "acl", "key": "users.acl", "default_user_has_password": True},
    "tls": {"secret": "tls", "client_ca": {"secret": "authority", "key": "root.crt"}},
}


def spec(**settings: Any) -> dict[str, Any]:
    made: dict[str, Any] = manifests.dragonfly(args(**settings))["spec"]
    return made


def remote(manifest: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The keys of the Secret, or names in its template → entry and property of the store."""
    return {
        one["secretKey"]: (one["remoteRef"]["key"], one["remoteRef"]["property"]) for one in manifest["spec"]["data"]
    }


def test_the_password_comes_from_the_secret_that_external_secrets_fills() -> None:
    made = external_secrets(args())
    assert list(made) == ["auth"]
    filled = made["auth"]["spec"]
    assert spec()["authentication"] == {
        "passwordFromSecret": {"name": filled["target"]["name"], "key": filled["data"][0]["secretKey"]}
    }
    assert filled["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "onepassword"}
    assert remote(made["auth"]) == {"password": ("infra/dragonfly", "password")}
    assert filled["target"]["creationPolicy"] == "Owner"
    assert filled["target"]["deletionPolicy"] == "Retain"


def test_nothing_else_is_referred_to_by_default() -> None:
    assert not {"aclFromSecret", "tlsSecretRef", "env", "serviceAccountName"} & spec().keys()


def test_every_secret_that_is_fetched_has_its_external_secret() -> None:
    made = external_secrets(args(**EVERYTHING))
    assert {purpose: one["metadata"]["name"] for purpose, one in made.items()} == {
        "auth": "dragonfly-auth",
        "acl": "dragonfly-acl",
        "tls": "dragonfly-tls",
        "client-ca": "dragonfly-client-ca",
        "snapshot-keys": "dragonfly-bucket",
    }
    assert remote(made["tls"]) == {
        "tls.crt": ("infra/dragonfly-tls", "tls.crt"),
        "tls.key": ("infra/dragonfly-tls", "tls.key"),
    }
    assert made["tls"]["spec"]["target"]["template"]["type"] == "kubernetes.io/tls"
    assert remote(made["client-ca"]) == {"ca.crt": ("infra/dragonfly-client-ca", "ca")}
    assert remote(made["snapshot-keys"]) == {
        "accessKey": ("infra/dragonfly-bucket", "accessKey"),
        "secretKey": ("infra/dragonfly-bucket", "secretKey"),
    }


def test_the_resource_names_them() -> None:
    made = spec(**EVERYTHING)
    assert made["aclFromSecret"] == {"name": "dragonfly-acl", "key": "acl"}
    assert made["tlsSecretRef"] == {"name": "dragonfly-tls"}
    assert made["authentication"] == {
        "passwordFromSecret": {"name": "dragonfly-auth", "key": "password"},
        "clientCaCertSecret": {"name": "dragonfly-client-ca", "key": "ca.crt"},
    }


def test_a_secret_that_exists_is_only_named() -> None:
    assert list(external_secrets(args(**EXISTING))) == ["auth"]
    made = spec(**EXISTING)
    assert made["aclFromSecret"] == {"name": "acl", "key": "users.acl"}
    assert made["tlsSecretRef"] == {"name": "tls"}
    assert made["authentication"]["clientCaCertSecret"] == {"name": "authority", "key": "root.crt"}


def test_tls_keeps_the_password() -> None:
    assert spec(tls=TLS)["authentication"] == {"passwordFromSecret": {"name": "dragonfly-auth", "key": "password"}}


def test_the_default_user_of_a_fetched_acl_file_keeps_the_password() -> None:
    """Without the line, a file that names no `default` lets everybody in."""
    made = external_secrets(args(acl=ACL))["acl"]
    assert remote(made) == {
        "acl": ("infra/dragonfly-acl", "users"),
        "password": ("infra/dragonfly", "password"),
    }
    file = made["spec"]["target"]["template"]["data"]
    assert file == {"acl": "{{ .acl | trim }}\n" + DEFAULT_USER + "\n"}
    assert DEFAULT_USER.split() == [
        *("USER", "default", "ON", "resetpass", "#{{", ".password", "|", "sha256sum", "}}", "~*", "&*", "+@ALL")
    ]
    assert "nopass" not in DEFAULT_USER


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        ({"acl": {"secret": "acl"}}, "acl.default_user_has_password = false", "must be true"),
        ({"acl": {**ACL, "default_user_has_password": True}}, "acl.default_user_has_password", "is only for"),
        ({"tls": {"client_ca": CLIENT_CA}}, "tls.secret", "is missing"),
        ({"client_ca": CLIENT_CA}, "client_ca", "unknown key"),
        ({"tls": TLS, "auth_secret": None}, "auth_secret", "is missing"),
        ({"tls": {**TLS, "client_ca": {**CLIENT_CA, "secret": "dragonfly-tls"}}}, "tls.client_ca.secret", "another"),
    ],
)
def test_what_each_of_them_needs(settings: dict[str, Any], key: str, message: str) -> None:
    found = problems(**settings)
    assert any(problem.startswith(key) and message in problem for problem in found), found


def test_the_alert_watches_every_one_of_them() -> None:
    [alert] = [one for one in monitoring.alerts(args(**EVERYTHING)) if one.name == "DragonflySecretNotSynced"]
    for name in ("dragonfly-auth", "dragonfly-acl", "dragonfly-tls", "dragonfly-client-ca", "dragonfly-bucket"):
        assert name in alert.expression


def test_the_service_account_of_a_role_cannot_talk_to_the_api_server() -> None:
    made = service_account(args(snapshot=ROLE_SNAPSHOT))
    assert made is not None
    assert made["automountServiceAccountToken"] is False
    assert made["metadata"]["annotations"] == {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/cache-snapshots"
    }
    assert spec(snapshot=ROLE_SNAPSHOT)["serviceAccountName"] == made["metadata"]["name"]


@pytest.mark.parametrize("settings", [{}, {"snapshot": None}, {"snapshot": BUCKET_SNAPSHOT}])
def test_without_a_role_there_is_no_service_account(settings: dict[str, Any]) -> None:
    assert service_account(args(**settings)) is None
    assert "serviceAccountName" not in spec(**settings)


def process_arguments(**settings: Any) -> list[str]:
    """What the operator starts the process with (known from the source of 1.6.1)."""
    behaviour = dragonfly_behaviour("1.6.1")
    assert behaviour is not None
    made = project(manifests.dragonfly(args(**settings)), behaviour, operator_version="1.6.1")
    [container] = made[0]["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


def test_the_operator_passes_them_on_and_leaves_the_admin_port_plaintext() -> None:
    found = process_arguments(**EVERYTHING)
    assert "--aclfile=/var/lib/dragonfly/dragonfly.acl" in found
    assert found[-5:] == [
        "--no_tls_on_admin_port",
        "--tls",
        "--tls_cert_file=/etc/dragonfly-tls/tls.crt",
        "--tls_key_file=/etc/dragonfly-tls/tls.key",
        "--tls_ca_cert_file=/etc/dragonfly/tls/ca.crt",
    ]
    assert not any("tls" in arg or "acl" in arg for arg in process_arguments())
