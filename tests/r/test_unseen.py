"""What R says where it looks for no method of ours is what docs/differences.md says, and what stands beside
it is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.r.hosts import run_code, succeeds

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"


def test_what_r_says():
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (?:`(.+?)`)? ?\|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) > 20
    code = ["library(mxnet); s <- mx.symbol.Variable('s'); t <- mx.symbol.Variable('t')"]
    for call, words, instead in rows:
        either = ", ".join(json.dumps(text) for text in words.split(" / "))  # R's words changed
        texts = f"{json.dumps(call)}, c({either})"
        code.append(
            f"said({texts}, tryCatch(suppressWarnings({{ {call}; 'no error' }}), error = conditionMessage))"
        )
        if instead:
            code.append(f"x <- {instead}; stopifnot(is.function(x) || is.mx.symbol(x) || length(x) > 0)")
    said = (
        "said <- function(call, words, text) "
        "if (!any(vapply(words, grepl, NA, text, fixed = TRUE))) cat(call, '|', text, '\\n')\n"
    )
    printed = succeeds(run_code("Rscript", said + "\n".join(c for c in code if "print(" not in c)))
    assert printed == "", printed
