"""Where the sandbox's keys and certificates are. Making them is in `certificates`, which is imported only then."""

from collections.abc import Mapping
from pathlib import Path

_ADMINS = "system:masters"

CLIENTS: Mapping[str, tuple[str, str]] = {
    "admin": ("seawall-admin", _ADMINS),
    "etcd-client": ("kube-apiserver", ""),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", _ADMINS),
    "cnpg-manager": ("cnpg-manager", _ADMINS),
    "barman-plugin": ("barman-plugin", _ADMINS),
}
"""Client certificates: file name → (user, group). The two control-plane users have the API server's own RBAC roles."""


class Pki:
    """The keys and certificates of one sandbox, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.crt"
        self.service_account_key = folder / "service-account.key"
        self.service_account_public = folder / "service-account.pub"

    def cert(self, name: str) -> Path:
        """The certificate of a client of `CLIENTS`, or of `server` (every part that listens)."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The private key that belongs to `cert(name)`."""
        return self.folder / f"{name}.key"

    def ensure(self) -> bool:
        """Make everything unless it is there; True when it was made."""
        if self.ca.is_file():
            return False
        from seawall.sandbox.certificates import issue_all

        issue_all(self)
        return True
