"""A list of named facts, as a definition list.

It must not cut a value short: a fact is what someone may have to copy.
"""

from collections.abc import Iterable

from markupsafe import Markup


def facts(named: Iterable[tuple[str, Markup | str]]) -> Markup:
    """Markup of the facts in their order; one whose value is empty is left out."""
    rows = (Markup("<dt>{}</dt><dd>{}</dd>").format(name, value) for name, value in named if value)
    return Markup('<dl class="pay-facts">{}</dl>').format(Markup("").join(rows))


def code(text: str) -> Markup:
    """Markup of something to be copied letter by letter."""
    return Markup("<code>{}</code>").format(text)


def raw(text: str) -> Markup:
    """Markup of a long answer as it came; the keyboard reaches it, since it scrolls."""
    return Markup(
        '<pre class="pay-raw" role="region" tabindex="0" aria-label="The answer as it came">{}</pre>'
    ).format(text)
