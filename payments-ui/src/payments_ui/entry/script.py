"""The script that Streamlit runs for every reader. It must not hold anything but the call.

It lies apart from `pages/`: until the first reader has opened the root, Streamlit takes a folder of
that name beside its script for its own kind of pages, and a deep link shows an empty one (measured on 1.67).
"""

from payments_ui.app import navigate

navigate()
