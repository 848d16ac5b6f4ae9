"""The head of a page: its title, one sentence, and at most one thing to do.

It must not be used twice on a page, since it also gives the page its look.
"""

from pathlib import Path

import streamlit as st
from markupsafe import Markup

_HERE = Path(__file__).parent.parent
_STYLES = Markup(f"<style>{(_HERE / 'style.css').read_text('utf-8')}</style>")  # noqa: S704 - a file of ours
# Dialogs stand beside the page, not in it: without this their colours are those of a light page.
_SCHEME = Markup("<style>:root {{ color-scheme: {}; }}</style>")


def tab(page: str, instance: str) -> str:
    """The browser's title: of two copies of the platform side by side, it tells which is which."""
    return f"{page} · {instance}" if instance else page


def look(tab_title: str) -> None:
    """Give the page its title in the browser and our own styles; once per run, before anything is shown."""
    # An icon of our own; the menu's entries have none, since Streamlit would fetch those from the network.
    st.set_page_config(page_title=tab_title, page_icon=str(_HERE / "icon.svg"), layout="wide")
    st.logo(str(_HERE / "logo.svg"), size="large", icon_image=str(_HERE / "icon.svg"))
    st.html(str(_STYLES + _SCHEME.format(st.context.theme.type or "light dark")))


def styles() -> Markup:
    """Markup of our own styles, as `look` gives them."""
    return _STYLES


def title(text: str, sentence: str, action: tuple[str, str] | None = None) -> None:
    """Show the title. `action` is a label and an address below the root, as a link like a button."""
    st.html(str(drawn(text, sentence, action)))


def drawn(text: str, sentence: str, action: tuple[str, str] | None = None) -> Markup:
    """Markup of the title, as `title` shows it."""
    words = Markup('<h1 class="pay-title">{}</h1><p class="pay-sentence">{}</p>').format(text, sentence)
    link = (
        Markup('<a class="pay-action" href="{}">{}</a>').format(action[1], action[0])
        if action
        else Markup("")
    )
    return Markup('<header class="pay-header"><div>{}</div>{}</header>').format(words, link)
