"""What stands inside <script> and <style>: JSON that cannot end its element, and the policy that admits nothing else."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from markupsafe import Markup

from ....knowledge.observations import plain_json

_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def json_in_script(value: Any) -> Markup:
    """A value as JSON of ASCII letters without `<`, `>` and `&`: no text in it can end the element or open another."""
    text = json.dumps(plain_json(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_UNSAFE))


def content_security_policy(scripts: Sequence[str]) -> str:
    """A policy that runs these scripts and no other, and lets the page fetch nothing, from anywhere.

    Styles may stand in the page: vega-embed sets its own beside `style` attributes that Vega writes.
    """
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
