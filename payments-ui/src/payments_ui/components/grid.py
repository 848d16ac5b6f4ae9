"""Any small table as a real table. It must not show markup that came from outside, nor hide a column."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from payments_ui import state

Cell = Markup | str


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], right: str = "") -> Markup:
    """Markup of a table; `right` names, by commas, the columns whose cells stand at the right."""
    numbers = {name for name in right.split(",") if name}
    styles = [Markup(' class="pay-right"') if head in numbers else Markup("") for head in heads]
    top = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(style, head)
        for style, head in zip(styles, heads, strict=True)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(style, cell) for style, cell in zip(styles, row, strict=True)
            )
        )
        for row in rows
    )
    return Markup(
        '<div class="pay-scroll" tabindex="0"><table class="pay-table">'
        '<caption class="pay-unseen">{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, top, body)


def link(address: str, text: str) -> Markup:
    """Markup of a link inside of these pages."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def pager(cursor: str, next_cursor: str | None, path: str, **kept: str) -> Markup:
    """Markup of links to the first and the next page of a list whose cursor lies in the address."""
    links: list[Markup] = []
    if cursor:
        links.append(link(state.page_link(path, **kept), "First page"))
    if next_cursor:
        links.append(link(state.page_link(path, **kept, cursor=next_cursor), "Next page"))
    return Markup('<p class="pay-more">{}</p>').format(Markup(" · ").join(links))
