"""Network namespaces with a wire between them: real sockets, real refusals, real silence.

    client ── 10.213.0.0/30 ── server (also a router: further addresses behind it)

Needs root (to make them) and iproute2.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seawall.qa.verify import pods

CLIENT, SERVER = "10.213.0.1", "10.213.0.2"
BEHIND = "10.213.9"
"""Addresses that the client reaches by way of the server."""
STATE, RETRANSMITS, SYN_SENT = 3, 6, "02"
"""Columns of /proc/net/tcp, and the state of a connection that nobody has answered yet."""


class NotPermittedError(Exception):
    """Network namespaces cannot be made here; the text says why."""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermittedError(f"ip {' '.join(words)}: {done.stderr.strip() or done.returncode}")


@dataclass
class Wire:
    """Two namespaces and what runs in them."""

    client: str
    server: str
    program: Path
    """The folder of the probe's program, as a pod has it mounted."""
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Starts a server in the server's namespace; ended with the wire."""
        made = subprocess.Popen(
            ["ip", "netns", "exec", self.server, *map(str, command)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._running.append(made)
        return made

    def listen(self, port: int, *, address: str = SERVER) -> None:
        """Something that accepts connections and says nothing."""
        script = (
            "import socket,sys\n"
            f"s=socket.create_server(({address!r},{port}))\n"
            "kept=[]\n"
            "while True: kept.append(s.accept())"
        )
        self.start(sys.executable, "-c", script)
        self.until_open(port, address)

    def until_open(self, port: int, address: str = SERVER) -> None:
        """Waits until something listens in the server's namespace."""
        script = (
            "import socket,time\n"
            "for _ in range(200):\n"
            "  try:\n"
            f"    socket.create_connection(({address!r},{port}),1).close(); break\n"
            "  except OSError: time.sleep(0.05)\n"
            "else: raise SystemExit(1)"
        )
        subprocess.run(["ip", "netns", "exec", self.server, sys.executable, "-c", script], check=True)

    def until_sent_again(self) -> None:
        """Waits until the client's first packet of a connection has got no answer and was sent again."""
        for _ in range(600):
            table = subprocess.run(
                ["ip", "netns", "exec", self.client, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
            )
            rows = [line.split() for line in table.stdout.splitlines()[1:]]
            if any(row[STATE] == SYN_SENT and int(row[RETRANSMITS], 16) > 0 for row in rows):
                return
            time.sleep(0.05)
        raise AssertionError("the client has not sent any packet twice")

    def route(self, *words: str, at: str = "server") -> None:
        """Changes a route of one side."""
        _ip("-n", self.server if at == "server" else self.client, "route", *words)

    def probe(self, *steps: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Runs the probe in the client's namespace, exactly as its pod would; the results, step by step."""
        with self.probing(*steps, secrets=secrets) as running:
            out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
        found = pods.result(out, steps)
        assert found is not None, out + err
        return found

    @contextlib.contextmanager
    def probing(
        self, *steps: Mapping[str, Any], secrets: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A probe that runs while the block does something."""
        running = subprocess.Popen(
            ["ip", "netns", "exec", self.client, sys.executable, "-I", "-B", str(self.program)],
            env={"PATH": os.environ["PATH"], "PROBE_STEPS": json.dumps(steps), **(secrets or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()

    def end(self) -> None:
        """Ends what was started and takes the namespaces away."""
        for it in self._running:
            it.kill()
            it.wait()
        for name in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def mounted(folder: Path) -> Path:
    """The probe's program as the ConfigMap's items put it into the pod."""
    manifest = pods.program("test", "test")
    volume = pods.pod("test", 1, _probe(), {"metadata": {"name": "test", "uid": "test"}}, {})["spec"]["volumes"][0]
    for item in volume["configMap"]["items"]:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(manifest["data"][item["key"]])
    return folder


def _probe() -> Any:
    from seawall.qa.checks.context import Probe, Where

    return Probe(Where("test", "test"), [])


@contextlib.contextmanager
def wire(folder: Path) -> Iterator[Wire]:
    """Two namespaces with a wire, and the probe's program in `folder`. Raises `NotPermittedError`."""
    if shutil.which("ip") is None:
        raise NotPermittedError("iproute2 (ip) is not on PATH")
    mark = uuid.uuid4().hex[:6]
    made = Wire(f"sw-c-{mark}", f"sw-s-{mark}", mounted(folder))
    try:
        for name in (made.client, made.server):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        near, far = f"swc{mark}", f"sws{mark}"
        _ip("-n", made.client, "link", "add", near, "type", "veth", "peer", "name", far, "netns", made.server)
        for name, link, address in ((made.client, near, CLIENT), (made.server, far, SERVER)):
            _ip("-n", name, "addr", "add", f"{address}/30", "dev", link)
            _ip("-n", name, "link", "set", link, "up")
        _ip("-n", made.client, "route", "add", f"{BEHIND}.0/24", "via", SERVER)
        _forward(made.server)
        yield made
    finally:
        made.end()


def _forward(name: str) -> None:
    command: Sequence[str] = ["ip", "netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]
    subprocess.run(command, capture_output=True, check=False)
