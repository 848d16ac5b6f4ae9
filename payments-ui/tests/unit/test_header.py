"""The browser's title names the copy of the workspace that a page is of."""

from payments_ui.components import header
from payments_ui.settings import Settings


def test_the_title_names_the_instance_where_there_is_one() -> None:
    assert header.tab("Payments", "") == "Payments"
    assert (
        header.tab("Payments", Settings(devtools_instance="second").devtools_instance) == "Payments · second"
    )
