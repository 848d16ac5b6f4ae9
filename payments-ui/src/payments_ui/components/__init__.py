"""Pieces that several pages show. They take values and give markup or widgets; none asks the API itself."""
