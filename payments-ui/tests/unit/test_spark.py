"""The bars of an hour, and the sentence that says the same."""

from datetime import UTC, datetime, timedelta

from payments_schema.wire.operations import MinuteFigure

from payments_ui.components.spark import bars

NOW = datetime(2026, 11, 21, 10, 0, 59, tzinfo=UTC)


def a_minute(back: int, count: int) -> MinuteFigure:
    return MinuteFigure(at=NOW.replace(second=0) - timedelta(minutes=back), count=count)


def test_one_bar_a_minute_with_the_busiest_at_full_height() -> None:
    drawn = str(bars([a_minute(59, 1), a_minute(3, 200), a_minute(0, 100)], NOW))
    heights = [piece.split("%")[0] for piece in drawn.split("height:")[1:]]
    assert len(heights) == 60
    assert (heights[0], heights[-4], heights[-1]) == ("1", "100", "50")
    assert heights.count("0") == 57


def test_a_sentence_says_what_the_bars_show() -> None:
    drawn = str(bars([a_minute(3, 2000), a_minute(0, 1)], NOW))
    assert 'role="img"' in drawn
    told = "2,001 in 2 of 60 minutes, at most 2,000 in one, 1 in the present one"
    assert f'aria-label="Payments by minute over the last hour: {told}"' in drawn


def test_what_is_older_than_the_hour_is_not_drawn() -> None:
    assert "No payment in the last hour" in str(bars([a_minute(60, 5)], NOW))
