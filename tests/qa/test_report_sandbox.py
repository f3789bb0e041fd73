"""`seawall report --context` against a real API server: the estate is the cluster's, and on call gets its answers."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from seawall.cli.report import app
from seawall.errors import EnvironmentFailure
from seawall.sandbox.cluster import Sandbox


def test_a_cluster_is_read_and_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    where, file = sandbox.endpoints, tmp_path / "report.html"
    given = ["--context", where.context, "--kubeconfig", str(where.kubeconfig), "--no-gates", "--out", str(file)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    text = file.read_text()
    assert f"context {where.context}" in text
    assert '<section id="oncall"' in text
    assert "Is this the right cluster" in text
    assert "there are no answers for the person on call" not in text


def test_a_cluster_that_does_not_answer_leaves_no_page(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: gone, context: {cluster: gone, user: gone}}]\nusers: [{name: gone, user: {}}]\n"
    )
    file = tmp_path / "report.html"
    with pytest.raises(EnvironmentFailure):
        CliRunner().invoke(
            app, ["--context", "gone", "--kubeconfig", str(kubeconfig), "--out", str(file)], catch_exceptions=False
        )
    assert not file.exists()
