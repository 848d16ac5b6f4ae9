"""Where Streamlit enters. A folder of its own: beside a folder `pages` it would run those files itself."""
