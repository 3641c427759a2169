"""What the site counts, on the page that Prometheus reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

# What a server sends, what a browser sends, and what stands for no code at all.
CODES = (1000, 1001, 1005, 1006, 1011, 4012, 4401, 4403, 4429)


def counted(visitors):
    """Return {(name, code or None): figure} from the page of the metrics."""
    text = visitors["anonymous"].get("/metrics/").content.decode()
    return {
        (sample.name, sample.labels.get("code")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.holds(since="20", can="Each way in which sockets end is counted")
@pytest.mark.parametrize("code", CODES)
async def test_a_code_of_the_site_is_counted_on_its_own(people, visitors, code):
    figure = ("chat_sockets_ended_total", str(code))
    alice = await people.enter("alice", 1)
    before = counted(visitors)
    await alice.close(code)
    after = counted(visitors)
    assert after[figure] == before.get(figure, 0) + 1
    assert after["chat_sockets", None] == before["chat_sockets", None] - 1


@pytest.mark.holds(since="20")
async def test_all_other_codes_are_counted_together(people, visitors):
    figure = ("chat_sockets_ended_total", "other")
    before = counted(visitors)
    for code in (3000, 4999):
        await (await people.enter("alice", 1)).close(code)
    after = counted(visitors)
    assert after[figure] == before.get(figure, 0) + 2
    assert ("chat_sockets_ended_total", "3000") not in after
