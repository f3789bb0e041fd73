"""What the pods of a workload may do that they need not: the properties of Pod Security's level `restricted`, and more.

Pure functions over a `PodSet`. The properties are those of Kubernetes' Pod Security Standards, judged one by one as the
admission controller judges them, so that pods may be judged where no namespace enforces a level. Each group is a
function of its own: a value that is not known in one hides nothing in another.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from seawall.operators.labels import PSA_ENFORCE
from seawall.operators.versions import image_tag
from seawall.policy.estate.kinds import NAMESPACE
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import View
from seawall.policy.findings import Together, Violation

Path = tuple[str, ...]

_LISTS = ("containers", "initContainers", "ephemeralContainers")
_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_PROFILES = frozenset({"RuntimeDefault", "Localhost"})
_SELINUX = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)


class Weakness(NamedTuple):
    """One property that pods lack."""

    path: Path
    """The field, from the pod's `spec` on: `("containers", "[0]", "securityContext", "privileged")`."""
    message: str
    mend: str


Judge = Callable[[PodSet], Iterator[Weakness]]
Place = Callable[[PodSet, Path], Path]
"""The field of the declared object that decides a field of the pods' spec."""


def containers(pods: PodSet) -> Iterator[tuple[str, View, Path]]:
    """Every container of the pods: what a person calls it, its view, and its path from the pod's `spec` on."""
    for kind in _LISTS:
        for index, container in enumerate(pods.spec.at(kind).items()):
            what = "container" if kind == "containers" else f"{kind.removesuffix('Containers')} container"
            yield f"{what} {container.at('name').text() or f'[{index}]'}", container, (kind, f"[{index}]")


def host_access(pods: PodSet) -> Iterator[Weakness]:
    """The node's namespaces, ports and folders."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pods.spec.at(field).boolean(default=False):
            yield Weakness((field,), f"{field} is true: the pods share it with the node", f"Remove {field}.")
    for index, volume in enumerate(pods.spec.at("volumes").items()):
        kinds = sorted(key for key, value in volume.entries() if key != "name" and value.present)
        for kind in kinds:
            if kind not in _VOLUMES:
                what = "a folder of the node" if kind == "hostPath" else f"of type {kind}"
                yield Weakness(
                    ("volumes", f"[{index}]", kind),
                    f"volume {volume.at('name').text()} is {what}, which the level restricted does not admit",
                    "Use a claim, a ConfigMap, a Secret or an emptyDir.",
                )
    for title, container, path in containers(pods):
        for index, port in enumerate(container.at("ports").items()):
            if port.at("hostPort").integer():
                yield Weakness(
                    (*path, "ports", f"[{index}]", "hostPort"),
                    f"{title} takes port {port.at('hostPort').integer()} of its node, where no policy of its "
                    "namespace guards it",
                    "Remove hostPort; clients go through the Service.",
                )


def privileges(pods: PodSet) -> Iterator[Weakness]:
    """Privileged containers, privilege escalation, capabilities and the unmasked /proc."""
    for title, container, path in containers(pods):
        context = container.at("securityContext")
        own = (*path, "securityContext")
        if context.at("privileged").boolean(default=False):
            yield Weakness((*own, "privileged"), f"{title} is privileged: it is root on its node", "Remove privileged.")
        if context.at("allowPrivilegeEscalation").boolean(default=True):
            yield Weakness(
                (*own, "allowPrivilegeEscalation"),
                f"{title} may gain privileges (a setuid program): allowPrivilegeEscalation is "
                f"{'true' if context.at('allowPrivilegeEscalation').present else 'not set, which means true'}",
                "Set allowPrivilegeEscalation: false in its security context.",
            )
        dropped = [name.text() for name in context.at("capabilities", "drop").items()]
        if "ALL" not in dropped:
            said = f"drops only {', '.join(str(name) for name in dropped)}" if dropped else "drops no capability"
            yield Weakness(
                (*own, "capabilities", "drop"),
                f"{title} {said}: it keeps the runtime's defaults, such as CHOWN, SETUID and NET_RAW",
                "Set capabilities: {drop: [ALL]} in its security context.",
            )
        added = sorted({name.text() or "" for name in context.at("capabilities", "add").items()} - _CAPABILITIES)
        if added:
            yield Weakness(
                (*own, "capabilities", "add"),
                f"{title} adds the capabilities {', '.join(added)}",
                "Remove them from capabilities.add.",
            )
        mount = context.at("procMount").text()
        if mount not in (None, "", "Default"):
            yield Weakness(
                (*own, "procMount"), f"{title} has procMount: {mount}, which unmasks /proc", "Remove procMount."
            )


def users(pods: PodSet) -> Iterator[Weakness]:
    """Whether the pods may run as root: `runAsNonRoot` and `runAsUser`, the container's own before the pod's."""
    general = ("securityContext", "runAsNonRoot")
    pod_refuses = pods.spec.at(*general)
    if not pod_refuses.boolean(default=True):
        yield Weakness(general, "runAsNonRoot of the pods is false: they may run as root", "Set runAsNonRoot: true.")
    pod_user = pods.spec.at("securityContext", "runAsUser")
    if pod_user.integer() == 0:
        yield Weakness(
            ("securityContext", "runAsUser"), "the pods run as user 0, root", "Give runAsUser another number."
        )
    for title, container, path in containers(pods):
        refuses = container.at("securityContext", "runAsNonRoot")
        own = (*path, "securityContext", "runAsNonRoot")
        if not refuses.boolean(default=True):
            yield Weakness(own, f"{title} sets runAsNonRoot: false: it may run as root", "Set runAsNonRoot: true.")
        user = container.at("securityContext", "runAsUser").integer()
        if not refuses.present and not pod_refuses.present:
            runs_as = pod_user.integer() if user is None else user
            said = "whatever user its image names, root included" if runs_as is None else f"user {runs_as}"
            yield Weakness(
                own,
                f"{title} runs as {said}: runAsNonRoot is not set, which the level restricted demands",
                "Set runAsNonRoot: true for the pods, and runAsUser.",
            )
        if user == 0:
            yield Weakness(
                (*path, "securityContext", "runAsUser"),
                f"{title} runs as user 0, root",
                "Give runAsUser another number.",
            )


def profiles(pods: PodSet) -> Iterator[Weakness]:
    """The kernel's walls: seccomp, AppArmor, SELinux and sysctls."""
    general = pods.spec.at("securityContext")
    yield from _profile(general.at("seccompProfile", "type"), "the pods", ("securityContext",))
    yield from _labels(general, "the pods", ("securityContext",))
    for index, sysctl in enumerate(general.at("sysctls").items()):
        name = sysctl.at("name").text() or ""
        if name not in _SYSCTLS:
            yield Weakness(
                ("securityContext", "sysctls", f"[{index}]", "name"),
                f"the pods set the sysctl {name}, which is not among the safe ones",
                "Remove it from sysctls.",
            )
    for title, container, path in containers(pods):
        own, where = container.at("securityContext"), (*path, "securityContext")
        yield from _profile(own.at("seccompProfile", "type"), title, where)
        yield from _labels(own, title, where)
        if not own.at("seccompProfile", "type").present and not general.at("seccompProfile", "type").present:
            yield Weakness(
                (*where, "seccompProfile"),
                f"{title} runs without a seccomp profile: every system call of the kernel is open to it",
                "Set seccompProfile: {type: RuntimeDefault} for the pods.",
            )


def _profile(kind: View, title: str, path: Path) -> Iterator[Weakness]:
    name = kind.text()
    if name is not None and name not in _PROFILES:
        yield Weakness(
            (*path, "seccompProfile", "type"),
            f"{title}: seccompProfile.type is {name}",
            "Set it to RuntimeDefault.",
        )


def _labels(context: View, title: str, path: Path) -> Iterator[Weakness]:
    armour = context.at("appArmorProfile", "type").text()
    if armour is not None and armour not in _PROFILES:
        yield Weakness(
            (*path, "appArmorProfile", "type"),
            f"{title}: appArmorProfile.type is {armour}",
            "Remove it, or set it to RuntimeDefault.",
        )
    selinux = context.at("seLinuxOptions")
    kind = selinux.at("type").text() or ""
    if kind not in _SELINUX or selinux.at("user").text() or selinux.at("role").text():
        yield Weakness(
            (*path, "seLinuxOptions"),
            f"{title}: seLinuxOptions leave the container's confinement ({kind or 'user or role are set'})",
            "Remove user and role, and give no type but container_t.",
        )


def writable_root(pods: PodSet) -> Iterator[Weakness]:
    """A root file system that the process may change: not part of `restricted`, and what makes an intruder stay."""
    for title, container, path in containers(pods):
        field = container.at("securityContext", "readOnlyRootFilesystem")
        if not field.boolean(default=False):
            yield Weakness(
                (*path, "securityContext", "readOnlyRootFilesystem"),
                f"{title} may write to its root file system: readOnlyRootFilesystem is "
                f"{'false' if field.present else 'not set'}",
                "Set readOnlyRootFilesystem: true, with volumes for what must be written.",
            )


def images(pods: PodSet) -> Iterator[Weakness]:
    """Images that may be another one tomorrow: without a tag, or `latest`, and no digest. An absent image is nobody's.

    A digest pins the image whatever the tag says.
    """
    for title, container, path in containers(pods):
        yield from loose_image(title, container.at("image"), (*path, "image"))


def loose_image(title: str, view: View, path: Path) -> Iterator[Weakness]:
    """An image that may be another one tomorrow, at the path that is to be blamed; `title` is the container's."""
    image = view.text()
    if image is None or "@" in image:
        return
    tag = image_tag(image)
    if tag in (None, "latest"):
        yield Weakness(
            path,
            f"{title} runs image {image}: {'the tag latest' if tag else 'no tag, which means latest,'} is another "
            "version after the next restart of any one pod",
            "Name a version, best with its digest.",
        )


def memory_limits(pods: PodSet) -> Iterator[Weakness]:
    """Containers that may take all memory of their node."""
    for index, container in enumerate(pods.spec.at("containers").items()):
        if not container.at("resources", "limits", "memory").present:
            yield Weakness(
                ("containers", f"[{index}]", "resources", "limits", "memory"),
                f"container {container.at('name').text()} has no memory limit: it may take all memory of its node, and "
                "the kernel then kills others",
                "Set resources.limits.memory.",
            )


RESTRICTED: tuple[Judge, ...] = (host_access, privileges, users, profiles)
"""The level `restricted` of the Pod Security Standards, in four groups."""


def in_workload(pods: PodSet, path: Path) -> Path:
    """The field of a built-in workload (or a Pod) that decides a field of its pods' spec."""
    return (*pods.spec.path, *path)


def over_pods(judge: Judge, place: Place = in_workload) -> Together:
    """A check of a rule: what `judge` finds in the pods of each subject, at the field that `place` leads to."""

    def check(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
        for pods in estate.pods_of(subject):
            for path, message, mend in judge(pods):
                yield Violation(message, mend, place(pods, path))

    check.__doc__ = judge.__doc__
    return check


def namespace_level(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """The subject's namespace, when it is declared here and does not enforce the level `restricted`."""
    namespace = estate.find(NAMESPACE, "", subject.namespace)
    if namespace is None:
        return
    level = namespace.label_view().at(PSA_ENFORCE).text()
    if level == "restricted":
        return
    admits = {
        None: f"the namespace does not say {PSA_ENFORCE}: it admits privileged pods beside the data",
        "baseline": "the namespace enforces baseline only: it admits pods that run as root beside the data",
    }.get(level, f"the namespace enforces {level}: it admits privileged pods beside the data")
    yield Violation(
        admits,
        f"Label the namespace {PSA_ENFORCE}: restricted.",
        ("metadata", "labels", PSA_ENFORCE),
        about=namespace,
    )
