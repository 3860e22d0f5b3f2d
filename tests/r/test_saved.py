"""Models, symbols and arrays that R saves and restores in another session: saveRDS, knitr's cache; networks
in documents."""

from __future__ import annotations

import shutil

import pytest

SAVE = """
library(mxnet)
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
x <- scale(mtcars[, c("wt", "hp")])
mx.set.seed(1)
model <- mx.model.FeedForward.create(mx.symbol.LinearRegressionOutput(fit, name = "out"), X = x,
  y = mtcars$mpg,
  array.layout = "rowmajor", array.batch.size = 8, num.round = 3, learning.rate = 0.05,
  eval.metric = mx.metric.rmse, verbose = FALSE)
saveRDS(list(model = model, predicted = predict(model, x, array.layout = "rowmajor")), "model.rds")
save(model, file = "model.rda")
"""
LOAD = """
saved <- readRDS("model.rds")           # before the package is there
library(mxnet)
x <- scale(mtcars[, c("wt", "hp")])
stopifnot(identical(predict(saved$model, x, array.layout = "rowmajor"), saved$predicted))
load("model.rda")
stopifnot(identical(predict(model, x, array.layout = "rowmajor"), saved$predicted),
  length(attr(model, "history")$train) == 3)
more <- mx.model.FeedForward.create(model$symbol, X = x, y = mtcars$mpg, array.layout = "rowmajor",
  array.batch.size = 8,
  num.round = 3, learning.rate = 0.05, arg.params = model$arg.params, verbose = FALSE)
stopifnot(mean((predict(more, x,
  array.layout = "rowmajor") - mtcars$mpg)^2) < mean((saved$predicted - mtcars$mpg)^2))
cat("all right")
"""
REPORT = """---
title: cached
---

```{r setup, include = FALSE}
knitr::opts_chunk$set(cache = TRUE)
library(mxnet)
```

```{r train}
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
values <- mx.nd.array(1:3)
cat("trained at", format(Sys.time(), "%H:%M:%OS6"), file = "log.txt", append = TRUE, "\\n")
```

```{r use}
cat(names(mx.symbol.infer.shape(fit, data = c(2, 5))$arg.shapes), sum(as.array(values * NUMBER)))
```
"""


def test_a_saved_model_predicts_in_another_session(host, tmp_path):
    host(SAVE, cwd=tmp_path).check()
    assert host(LOAD, cwd=tmp_path).check().endswith("all right")


def test_a_cached_chunk_is_found_again(rscript, tmp_path):
    """The second rendering, in another session, does not train again, and uses the cached objects of the
    first."""
    knit = (
        'if (!requireNamespace("knitr", quietly = TRUE)) quit(status = 9)\nknitr::knit("report.Rmd", '
        'quiet = TRUE)\n'
    )
    for number, total in ((1, 6), (2, 12)):
        (tmp_path / "report.Rmd").write_text(REPORT.replace("NUMBER", str(number)))
        rscript(knit, cwd=tmp_path).check()
        assert f"data fit_weight fit_bias {total}" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "log.txt").read_text().count("trained") == 1
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


@pytest.mark.parametrize("target", ["html", "latex", "docx"])
def test_a_network_in_a_document_is_a_picture(target, rscript, tmp_path):
    """In every kind of document, without Graphviz: a figure, not the text of an SVG."""
    (tmp_path / "net.Rmd").write_text(
        "```{r}\nlibrary(mxnet)\ngraph.viz(mx.symbol.exp(mx.symbol.Variable('x'), name = 'e'))\n```\n"
    )
    rscript(
        f'knitr::opts_knit$set(rmarkdown.pandoc.to = "{target}")\nknitr::knit("net.Rmd", quiet = TRUE)\n',
        cwd=tmp_path,
        PATH=str(tmp_path),
    ).check()
    text = (tmp_path / "net.md").read_text()
    assert "figure/unnamed-chunk-1-1" in text and "<svg" not in text and "digraph" not in text
    assert len(list((tmp_path / "figure").iterdir())) == 1
