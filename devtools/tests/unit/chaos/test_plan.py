"""A seed says everything about a run's faults."""

from devtools.chaos.plan import KINDS, fingerprint, schedule


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert schedule(7, 30) == schedule(7, 30)
    assert fingerprint(schedule(7, 30)) != fingerprint(schedule(8, 30))


def test_every_kind_strikes_before_any_strikes_twice() -> None:
    for seed in range(20):
        kinds = [fault.kind for fault in schedule(seed, 2 * len(KINDS))]
        assert set(kinds[: len(KINDS)]) == set(KINDS)
        assert set(kinds[len(KINDS) :]) == set(KINDS)


def test_only_what_lasts_has_a_length() -> None:
    for fault in schedule(3, 50):
        assert (fault.lasts_s > 0) == (
            fault.kind in {"network.slow", "network.down", "clock.moved", "disk.full"}
        )
        assert 0 <= fault.strength < 1


def test_a_run_may_be_kept_to_some_kinds() -> None:
    assert {fault.kind for fault in schedule(1, 9, ("api.kill", "worker.kill"))} == {
        "api.kill",
        "worker.kill",
    }
