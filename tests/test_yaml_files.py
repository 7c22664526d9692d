"""YAML files: what a document means does not depend on whether it is put together from events or from nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_triage.knowledge.library import shipped_directory
from charger_triage.knowledge.yaml_files import read_documents

SHIPPED = sorted((shipped_directory() / "faults").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_anchor_that_nothing_uses_changes_nothing(path: Path, tmp_path: Path) -> None:
    """Entry and cases of each shipped fault are the same where an anchor keeps them from being read from events."""
    anchored = tmp_path / path.name
    text = path.read_text(encoding="utf-8")
    anchored.write_text(text.replace("code: ", "code: &unused ", 1), encoding="utf-8")
    assert anchored.read_bytes() != path.read_bytes()
    found, expected = read_documents(path), read_documents(anchored)
    assert [document.data for document in found] == [document.data for document in expected]
    assert repr([document.data for document in found]) == repr([document.data for document in expected])


@pytest.mark.parametrize(
    ("text", "data"),
    {
        "scalars": ("[1, -2, 1.5, .5, 1e5, true, false, True, yes, null, ~, '1', \"true\", 2026-11-28, 12:30]",
                    [1, -2, 1.5, 0.5, "1e5", True, False, "True", "yes", None, None, "1", "true", "2026-11-28", "12:30"]),
        "nothing": ("a:\nb: ''\n", {"a": None, "b": ""}),
        "keys": ("3: a\ntrue: b\nnull: c\n'2': d\n", {3: "a", True: "b", None: "c", "2": "d"}),
        "tag": ("!!str 5", "5"),
        "alias": ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        "key twice": ("a: 1\na: 2\n", {"a": 2}),
    }.values(),
)  # fmt: skip
def test_values(text: str, data: object, tmp_path: Path) -> None:
    """Scalars are those of YAML 1.2, whatever stands around them."""
    path = tmp_path / "small.yaml"
    path.write_text(text, encoding="utf-8")
    (document,) = read_documents(path)
    assert document.data == data
    assert repr(document.data) == repr(data)
