"""Which repository builds on which: read from the files of four languages, and from what is named."""

from __future__ import annotations

import pytest

from devtools.repositories import packages

PYTHON = '[project]\nname = "Shop_{0}"\ndependencies = ["httpx>=1", {1}]\n'
NODE = '{{"name": "@shop/{0}", "dependencies": {{"left-pad": "1"{1}}}}}'
GO = "module shop.example/{0}\n\ngo 1.23\n\nrequire (\n\tx.example/y v1\n{1})\n"
RUST = '[package]\nname = "shop-{0}"\n[dependencies]\nserde = "1"\n{1}'
FILES = {
    "python": ("pyproject.toml", PYTHON, '"shop-{}==1"'),
    "node": ("package.json", NODE, ', "@shop/{}": "*"'),
    "go": ("go.mod", GO, "\tshop.example/{} v1\n"),
    "rust": ("Cargo.toml", RUST, 'w = {{package = "shop-{}"}}\n'),
}


@pytest.mark.parametrize("language", sorted(FILES))
def test_a_package_builds_on_its_siblings(tmp_path, language):
    name, text, need = FILES[language]
    for folder, needs in (("wire", []), ("api", ["wire"]), ("page", ["wire", "api"])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text.format(folder, "".join(map(need.format, needs[:1]))))
    folders = {folder: tmp_path / folder for folder in ("api", "wire", "page")}
    assert packages.needs(folders) == {"api": ["wire"], "wire": [], "page": ["wire"]}


def test_a_single_line_of_go_and_a_peer_of_node_count(tmp_path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a/go.mod").write_text("module e.x/a\nrequire e.x/b v1\n")
    (tmp_path / "b/go.mod").write_text("module e.x/b\n")
    (tmp_path / "b/package.json").write_text('{"name": "b", "peerDependencies": {"c": "*"}}')
    (tmp_path / "c/package.json").write_text('{"name": "c"}')
    folders = {folder: tmp_path / folder for folder in ("a", "b", "c")}
    assert packages.needs(folders) == {"a": ["b"], "b": ["c"], "c": []}


def test_what_is_named_is_added_and_what_cannot_be_read_needs_nothing(tmp_path):
    for folder, file, text in (
        ("a", "pyproject.toml", "[project"),
        ("b", "package.json", "[]"),
        ("c", "Cargo.toml", "package = 1\ndependencies = [1]\n"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    folders = {folder: tmp_path / folder for folder in ("a", "b", "c", "not-here")}
    assert packages.needs(folders, {"a": ["c", "b"], "b": ["c"], "c": ["unknown"]}) == {
        "a": ["c", "b"], "b": ["c"], "c": [], "not-here": [],
    }  # fmt: skip


def test_a_repository_without_a_name_of_its_own_is_known_by_its_id(tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "api/pyproject.toml").write_text('[project]\nname = "api"\ndependencies = ["plain_parts"]\n')
    assert packages.needs({"api": tmp_path / "api", "plain-parts": tmp_path}) == {
        "api": ["plain-parts"], "plain-parts": [],
    }  # fmt: skip
