"""The root address, which leads to the page that operators start with.

It must not show anything itself: it has no address that anyone would keep.
"""

import streamlit as st
from streamlit.navigation.page import Page


def show(first: Page) -> None:
    """Go on to `first`."""
    st.switch_page(first)
