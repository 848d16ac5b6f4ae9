"""A lock on a file: had at once, waited for, given up."""

import os
import threading

import pytest

from devtools import locks


@pytest.fixture
def two(tmp_path):
    """The same file, open twice: as two processes have it."""
    opened = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield opened
    os.close(opened[1])


def test_it_is_had_at_once_where_nobody_has_it_and_given_up_where_its_holder_stays(two):
    first, second = two
    assert locks.take(first, 0)
    assert not locks.take(second, 0.1)
    os.close(first)  # whoever ends, however it ends, has let go
    assert locks.take(second, 0)


def test_it_is_waited_for(two):
    first, second = two
    assert locks.take(first, 0)
    waiting = threading.Thread(target=locks.take, args=(second, 120))
    waiting.start()
    assert waiting.is_alive()
    os.close(first)
    waiting.join(60)
    assert not waiting.is_alive()
    third = os.dup(second)  # of the same opening: ours as well
    assert locks.take(third, 0)
    os.close(third)
