"""DOWNLOAD=1 against a server of our own: kwok's release, what kwokctl names, and the Automation API's installer."""

import datetime
import http.server
import io
import socket
import ssl
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from toolchain_fakes import MAKES, World, recorder

from seawall.tools import download, toolchain

PLATFORM = f"{download._system()}-{download._machine()}"


def says(text: str) -> bytes:
    return f"#!/bin/sh\necho '{text}'\n".encode()


def archive(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo(f"release/{name}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class Vendor:
    """A server on loopback with the vendors' files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.truncated: set[str] = set()
        self.asked: list[str] = []
        vendor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor.asked.append(self.path)
                content = vendor.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if self.path in vendor.truncated else content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> World:
    """A PATH without Go, and a vendor that has everything that kwokctl names."""
    made = World.make(tmp_path, monkeypatch)
    monkeypatch.setenv("KWOK_BINARY_PREFIX", f"{vendor.address}/kwok")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    lines = [f"{vendor.address}/k8s/{name}" for name in names]
    lines += [f"{vendor.address}/etcd.tar.gz#etcd", f"{vendor.address}/kwok/kwok-{PLATFORM}", "sometext"]
    kwokctl = "\n".join(
        [
            "#!/bin/sh",
            '[ "$1" = --version ] && { echo kwokctl version v0.8.0 go1.26.8; exit; }',
            '[ "$*" = "get artifacts --runtime binary --filter binary" ] || exit 2',
            '[ "$KWOK_KUBE_VERSION $KWOK_ETCD_VERSION" = "v1.36.3 3.6.5" ] || exit 3',
            *(f"echo '{line}'" for line in lines),
        ]
    )
    vendor.files = {
        f"/kwok/kwokctl-{PLATFORM}": kwokctl.encode(),
        f"/kwok/kwok-{PLATFORM}": says("kwok version v0.8.0"),
        "/etcd.tar.gz": archive("etcd", says("etcd Version: 3.6.5")),
        **{f"/k8s/{name}": says("Kubernetes v1.36.3") for name in names},
    }
    return made


def test_every_ready_made_tool_of_kwok_is_downloaded_and_nothing_is_built(world: World, vendor: Vendor) -> None:
    console, text = recorder()
    names = ["etcd", "kwokctl", "kwok", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"]
    tools = toolchain.ensure(names, console=console, download=True)
    assert sorted(vendor.asked) == sorted(vendor.files)
    for name, path in tools.items():
        assert path.parent.parent.parent == world.cache / "tools"
        assert path.read_bytes().startswith(b"#!/bin/sh"), name
        assert path.stat().st_mode & 0o111
    assert "downloaded kube-apiserver v1.36.3 in " in text.getvalue()
    assert "127.0.0.1" not in text.getvalue()
    assert world.unfinished() == []
    before = list(vendor.asked)
    assert toolchain.ensure(names, console=console, download=True) == tools
    assert vendor.asked == before


def test_nothing_is_downloaded_unless_it_is_asked_for(world: World, vendor: Vendor) -> None:
    world.go(MAKES)
    toolchain.ensure(["kube-apiserver"], console=recorder()[0])
    assert vendor.asked == []


def test_one_tool_needs_kwokctl_only_to_know_where_it_is(world: World, vendor: Vendor) -> None:
    tools = toolchain.ensure(["kubectl"], console=recorder()[0], download=True)
    assert list(tools) == ["kubectl"]
    assert vendor.asked == [f"/kwok/kwokctl-{PLATFORM}", "/k8s/kubectl"]


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda vendor: vendor.files.pop("/etcd.tar.gz"), "its vendor's server answered 404 Not Found"),
        (lambda vendor: vendor.truncated.add("/etcd.tar.gz"), "the connection ended in the middle"),
        (lambda vendor: vendor.files.update({"/etcd.tar.gz": b"no archive"}), "is damaged"),
        (lambda vendor: vendor.files.update({"/etcd.tar.gz": archive("etcdctl", b"")}), "holds no etcd"),
        (
            lambda vendor: vendor.files.update({"/etcd.tar.gz": archive("etcd", says("etcd Version: 3.6.4"))}),
            "says version v3.6.4, not v3.6.5",
        ),
        (
            lambda vendor: vendor.files.update({"/etcd.tar.gz": archive("etcd", b"\0")}),
            "says version nothing, not v3.6.5",
        ),
    ],
    ids=["404", "truncated", "no archive", "not in the archive", "another version", "does not run"],
)
def test_what_the_vendor_does_not_give_is_said_and_built(world: World, vendor: Vendor, break_it, why: str) -> None:  # type: ignore[no-untyped-def]
    break_it(vendor)
    world.go(MAKES)
    console, text = recorder()
    tools = toolchain.ensure(["etcd", "kubectl"], console=console, download=True)
    assert tools["etcd"].read_text() == "built seawall/tools/etcd\n"
    assert tools["kubectl"].read_bytes() == says("Kubernetes v1.36.3")
    assert "etcd v3.6.5 was not downloaded: " in text.getvalue()
    assert f"{why}; it is built instead" in text.getvalue()
    assert "127.0.0.1" not in text.getvalue()
    assert world.unfinished() == []


def test_without_network_every_tool_is_built_and_a_dead_host_is_tried_once(
    world: World, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kwokctl = toolchain.ensure(["kwokctl"], console=recorder()[0], download=True)["kwokctl"]
    vendor.close()
    tried: list[str] = []
    real = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda address, *a, **k: tried.append(address) or real(address, *a, **k)
    )
    world.go(MAKES)
    console, text = recorder()
    tools = toolchain.ensure(["kwokctl", "kube-scheduler", "kubectl"], console=console, download=True)
    assert tools["kwokctl"] == kwokctl
    assert text.getvalue().count("no network: its vendor's server is not reached from here; it is built instead") == 2
    assert len(tried) == 1


def test_tools_that_no_vendor_publishes_are_built(world: World, vendor: Vendor) -> None:
    world.go(MAKES)
    world.module("cnpg-manager", "Port:    port,")
    toolchain.ensure(["cnpg-manager", "barman-plugin"], console=recorder()[0], download=True)
    assert vendor.asked == []
    assert len(world.built()) == 2


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def pulumi_com(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A proxy that answers every HTTPS request itself, as the host that the Automation API asks for its installer."""
    files: dict[str, bytes] = {}
    crt, key = certificate(tmp_path, "get.pulumi.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def head(connection: socket.socket) -> str:
        text = b""
        while b"\r\n\r\n" not in text and (chunk := connection.recv(4096)):
            text += chunk
        return text.decode()

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection:
                target = head(connection).split()[1]
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                with context.wrap_socket(connection, server_side=True) as inner:
                    content = files.get(f"{target.split(':')[0]}{head(inner).split()[1]}")
                    status = b"404 Not Found" if content is None else b"200 OK"
                    content = content or b""
                    length = str(len(content)).encode()
                    inner.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\n\r\n" + content)

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setenv("SSL_CERT_FILE", str(crt))
    yield files
    listener.close()


def test_pulumi_comes_by_the_automation_api_with_what_lies_beside_it_and_not_into_the_users_home(
    world: World, pulumi_com: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    pulumi_com["get.pulumi.com/install.sh"] = b"""#!/bin/sh
PATH=/usr/bin:/bin
[ "$1 $2 $4 $5" = "--no-edit-path --install-root --version 3.259.0" ] || { echo "asked: $*"; exit 9; }
mkdir -p "$3/bin" "$HOME/.pulumi"
printf '#!/bin/sh\\necho v3.259.0\\n' > "$3/bin/pulumi"
cp "$3/bin/pulumi" "$3/bin/pulumi-language-python"
chmod +x "$3/bin/pulumi"
"""
    pulumi = toolchain.ensure(["pulumi"], console=recorder()[0], download=True)["pulumi"]
    assert pulumi == world.executable("pulumi", "v3.259.0", "bin/pulumi")
    assert (pulumi.parent / "pulumi-language-python").is_file()
    assert list(home.iterdir()) == []
    assert world.unfinished() == []


@pytest.mark.parametrize("script", [None, b"#!/bin/sh\nexit 1\n", b"#!/bin/sh\nexit 0\n"])
def test_a_pulumi_installer_that_fails_is_said_and_pulumi_is_built(
    world: World, pulumi_com: dict[str, bytes], script: bytes | None
) -> None:
    if script is not None:
        pulumi_com["get.pulumi.com/install.sh"] = script
    world.go(MAKES)
    console, text = recorder()
    pulumi = toolchain.ensure(["pulumi"], console=console, download=True)["pulumi"]
    assert pulumi.read_text() == "built github.com/pulumi/pulumi/pkg/v3/cmd/pulumi\n"
    assert "pulumi v3.259.0 was not downloaded: the Automation API's installer failed (" in text.getvalue()
    assert "://" not in text.getvalue()
