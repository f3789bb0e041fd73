"""What enforces the policies: it decides what they mean."""

from dataclasses import dataclass

from seawall.operators import versions

_LOCAL_BY_DEFAULT = (1, 19, 0)
"""From this Cilium version on, a selector without a cluster means the local cluster; before, every one of the mesh."""
_NO_REQUIRES = (1, 19, 0)
"""From this Cilium version on, a policy with `fromRequires` or `toRequires` is refused."""


@dataclass(frozen=True)
class Platform:
    """The cluster that the policies are in."""

    cni: str = "generic"
    """`generic`: any CNI that does what Kubernetes documents; `cilium`."""
    version: str | None = None
    """The CNI's version, like `1.18`; None when not known."""
    cluster: str | None = None
    """The cluster's name in its mesh; None when not known."""

    @property
    def cilium(self) -> bool:
        """Whether Cilium enforces the policies, those of Kubernetes included."""
        return self.cni == "cilium"

    @property
    def local_unless_named(self) -> bool | None:
        """Whether a selector that names no cluster matches pods of this one only; None when the version is unknown."""
        if not self.cilium:
            return True
        number = versions.parse(self.version or "")
        return None if number is None else number >= _LOCAL_BY_DEFAULT

    @property
    def refuses_requires(self) -> bool:
        """Whether `fromRequires` and `toRequires` are refused."""
        number = versions.parse(self.version or "")
        return number is not None and number >= _NO_REQUIRES
