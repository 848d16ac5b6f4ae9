"""What the process has once it serves: what pages need, and nothing old for the collector to look at."""

import gc

import pytest

from payments_ui import main


def test_what_stays_is_not_looked_at_after_every_run_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "NEEDED_BY_PAGES", ("payments_ui.app", "not_installed_here"))
    try:
        main._warm()  # pyright: ignore[reportPrivateUsage] - a thread of the process, not an interface
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()
