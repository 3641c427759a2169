"""What the servers of a deployed site have counted."""

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from .deadline import DEADLINE

SERVERS = "daphne0", "daphne1"


def text_of(deployed, server):
    """Return what a server tells Prometheus."""
    url = f"http://127.0.0.1:{deployed.metrics_port}/{server}"
    with urlopen(url, timeout=DEADLINE) as page:
        return page.read().decode()


def figures(deployed, server):
    """Return {(name, label, value of the label, ...): figure} of a server."""
    families = text_string_to_metric_families(text_of(deployed, server))
    return {
        (sample.name, *(word for pair in sample.labels.items() for word in pair)): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def figure(deployed, *name):
    """Return the sum of a figure of both servers; 0 where it is not there yet."""
    return sum(figures(deployed, server).get(name, 0) for server in SERVERS)
