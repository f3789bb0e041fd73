"""What a probe serves: Prometheus' text format on one path, and nothing else."""

import urllib.error
import urllib.request

import pytest

from seawall.components.probes.scripts.serving import Results, serving


def get(port: int, path: str) -> tuple[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_series_are_shown_with_their_kind_and_meaning() -> None:
    results = Results()
    results.gauge("a_seconds", "A time.", {"b": 'say "x"\\\n', "a": "1"}, 0.25)
    results.count("n_total", "A number.", {}, 0)
    results.count("n_total", "A number.", {})
    assert results.text() == (
        "# HELP a_seconds A time.\n# TYPE a_seconds gauge\n"
        'a_seconds{a="1",b="say \\"x\\"\\\\\\n"} 0.25\n'
        "# HELP n_total A number.\n# TYPE n_total counter\n"
        "n_total{} 1\n"
    )


def test_a_removed_series_is_gone() -> None:
    results = Results()
    results.gauge("a", "x", {"b": "1"}, 1)
    results.remove("a", {"b": "1"})
    results.remove("never", {})
    assert "a{" not in results.text()


def test_it_is_served_on_its_path_alone() -> None:
    results = Results()
    results.gauge("a", "x", {}, 1)
    with serving(results, 0, "127.0.0.1") as port:
        kind, text = get(port, "/metrics")
        assert kind.startswith("text/plain; version=0.0.4")
        assert "a{} 1" in text
        for path in ("/", "/metrics/", "/../etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(port, path)
        with pytest.raises(urllib.error.HTTPError, match="501"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", data=b"x", timeout=10)
    with pytest.raises(OSError, match="refused"):
        get(port, "/metrics")


def test_without_a_host_it_listens_on_every_address() -> None:
    with serving(Results(), 0) as port:
        assert get(port, "/metrics")[1] == ""
