"""A real Prometheus for the tests, in a folder of its own."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path
from urllib.request import urlopen

import pytest

from tutorial.shared.ports import free_port

from .deadline import DEADLINE
from .nginx import METRICS
from .starting import wait_for_line

MISSING = "There is no Prometheus: on Debian, apt install prometheus."


@contextlib.contextmanager
def prometheus(deployed):
    """Yield a function that asks a Prometheus, which reads deploy/prometheus.yml.

    It returns the list of figures that an expression gives. Prometheus has begun to
    read, once a second. Skips the test if there is none; fails it if CI is set.
    """
    if not shutil.which("prometheus"):
        pytest.fail(MISSING) if "CI" in os.environ else pytest.skip(MISSING)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as folder:
        settings = (deployed.folder / "deploy/prometheus.yml").read_text()
        settings = settings.replace(METRICS, str(deployed.metrics_port))
        settings = f"global:\n  scrape_interval: 1s\n{settings}"
        Path(folder, "prometheus.yml").write_text(settings)
        process = subprocess.Popen(
            [
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )

        def ask(expression):
            query = urllib.parse.urlencode({"query": expression})
            url = f"http://127.0.0.1:{port}/api/v1/query?{query}"
            with urlopen(url, timeout=DEADLINE) as page:
                answer = json.load(page)
            return [float(one["value"][1]) for one in answer["data"]["result"]]

        try:
            wait_for_line(process, "ready to receive web requests")
            yield ask
        finally:
            process.terminate()
            process.wait(DEADLINE)
