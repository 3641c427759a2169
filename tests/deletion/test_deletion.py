"""The deletion test of one step; __main__.py says how to run it."""

import pytest

from .record import read_survivors
from .trial import Trials


@pytest.mark.deletion
@pytest.mark.holds(since="00")
def test_each_piece_of_a_step_is_missed_by_a_test_or_listed_with_a_reason(step):
    listed = read_survivors()[step.number]
    assert Trials().of_step(step, set(listed)).survivors == set(listed)
