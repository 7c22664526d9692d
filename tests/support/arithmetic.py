"""Recomputes the printed numbers of an incident from its other printed numbers."""

from __future__ import annotations

from typing import Any

import pytest


def check_arithmetic(incident: dict[str, Any]) -> None:
    """Prior and counted weights give the score, the scores give the probabilities, and the ranks follow them."""
    scores = {}
    for hypothesis in incident["hypotheses"]:
        counted = sum(item["weight_db"] for item in hypothesis["evidence"] if item["counted"])
        assert hypothesis["score_db"] == pytest.approx(hypothesis["prior_db"] + counted)
        scores[hypothesis["cause_id"]] = hypothesis["score_db"]
        for item in hypothesis["evidence"]:
            assert item["effect"] == ("supports" if item["weight_db"] > 0 else "against")
            assert item["counted"] == (item["already_counted_by"] is None)
    odds = {cause: 10 ** (score / 10) for cause, score in scores.items()}
    rest = 10 ** (incident["undocumented_prior_db"] / 10)
    total = sum(odds.values()) + rest
    for hypothesis in incident["hypotheses"]:
        assert hypothesis["probability"] == pytest.approx(odds[hypothesis["cause_id"]] / total, abs=1e-9)
    assert incident["undocumented_probability"] == pytest.approx(rest / total, abs=1e-9)
    printed = sum(hypothesis["probability"] for hypothesis in incident["hypotheses"])
    assert printed + incident["undocumented_probability"] == pytest.approx(1.0, abs=1e-8)
    assert [h["rank"] for h in incident["hypotheses"]] == list(range(1, len(scores) + 1))
    assert [h["score_db"] for h in incident["hypotheses"]] == sorted(scores.values(), reverse=True)
