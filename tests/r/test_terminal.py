"""R's own tools at the prompt, typed into a pseudo-terminal: browser, recover, debug, and Ctrl-C where R
waits for input."""

from __future__ import annotations

import re

from tests.r.test_interrupts import Terminal

PRELUDE = """
suppressMessages(library(mxnet))
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1))
train <- function(callback)
  invisible(mx.model.FeedForward.create(net, X = matrix(1:20, 2), y = 1:10, num.round = 1,
    array.batch.size = 2, array.layout = "colmajor",
    verbose = FALSE, batch.end.callback = callback))
total <- function(n) sum(as.array(mx.nd.ones(n)))
"""
BROWSE = r"Browse\[\d\]> $"


def test_tools_of_the_prompt(tmp_path):
    (tmp_path / "prelude.R").write_text(PRELUDE)
    with Terminal() as r:
        r.expect("> $")
        r.run(f"source('{tmp_path}/prelude.R')")

        def answer(typed: str, pattern: str) -> str:
            r.type(typed + "\n")
            return r.expect(pattern)

        answer("train(function(i, n, env) if (n == 2) browser())", BROWSE)
        assert "[1] 2" in answer("env$nbatch", BROWSE) and "[1] 7" in answer("total(7)", BROWSE)
        answer("Q", r"\n> $")
        answer("options(error = recover); train(function(i, n, env) stop('mine'))", "Selection: $")
        answer("4", BROWSE)
        assert "[1] 5" in answer("total(5)", BROWSE)
        answer("c", "Selection: $")
        answer("0", r"\n> $")
        answer("options(error = NULL); debugonce(mx.nd.zeros); total(4); a <- mx.nd.zeros(2)", BROWSE)
        assert "exiting from" in answer("c", r"\n> $")
        for typed, waits in (
            ("x <- readline(paste0('na', 'me: '))", "name: $"),
            ("repeat { total(3); readline(paste0('a', 'gain: ')) }", "again: $"),
            ("invisible(scan())", "1: $"),
            ("half <- (1 +", r"\+ $"),
        ):
            answer(typed, waits)
            r.type("\x03")
            r.expect(r"\n> $")
            assert "[1] 3" in r.run("total(3)"), typed
        assert r.quit() == 5


def test_progress_is_one_line_at_the_prompt(tmp_path):
    """Rounds, batches, the metric and the time left, on a line that is cleared at the end; not in captured
    output, and not if it is turned off."""
    (tmp_path / "prelude.R").write_text(
        PRELUDE
        + """
slow <- function(verbose = FALSE, ...)
  invisible(mx.model.FeedForward.create(net, X = matrix(1:20, 2), y = 1:10, num.round = 2,
  array.batch.size = 2, array.layout = "colmajor", verbose = verbose, eval.metric = mx.metric.rmse,
  batch.end.callback = function(i, n, env) Sys.sleep(0.1), ...))
"""
    )
    shown = r"round \d of 2, batch \d( of 5)?, rmse [\d.e+-]+, [12] s left"
    with Terminal() as r:
        r.expect("> $")
        r.run(f"source('{tmp_path}/prelude.R')")
        assert re.search(shown, r.run("slow()"))
        said = r.run("slow(verbose = TRUE)")
        assert re.search(shown, said) and re.search(r" {30,}\[2\] Train-rmse=", said), (
            "MXNet's line is printed where the other line was erased"
        )
        assert not re.search(shown, r.run("options(mxnet.progress = FALSE); slow()"))
        assert not re.search(shown, r.run("options(mxnet.progress = TRUE); x <- capture.output(slow())"))
        assert "x is empty: TRUE" in r.run("cat('x is empty:', length(x) == 0, '\\n')")
        r.quit()


def test_files_and_predictions_show_how_far_they_are(tmp_path):
    """Packing images, reading files and predicting: one line each, cleared at the end."""
    from PIL import Image

    (tmp_path / "numbers.csv").write_bytes(b"1.25,2.5,3.75,5.125,6.0625\n" * 1_000_000)
    Image.effect_noise((400, 400), 50).save(tmp_path / "noise.png", compress_level=0)
    (tmp_path / "images.lst").write_text("".join(f"{i}\t0\tnoise.png\n" for i in range(20)))
    # the native core reads the file before there is anything to show
    (tmp_path / "prelude.R").write_text(
        "Sys.setenv(MXR_NATIVE = '0')\n"
        + PRELUDE
        + f"""
pack <- function() im2rec("{tmp_path}/images.lst", "{tmp_path}/", "{tmp_path}/images.rec", encoding = ".png",
  quality = 6)
read <- function()
  invisible(mx.io.CSVIter(data.csv = "{tmp_path}/numbers.csv", data.shape = 5, batch.size = 10))
model <- mx.model.FeedForward.create(net, X = matrix(1:20, 2), y = 1:10, num.round = 1,
  array.layout = "colmajor", verbose = FALSE)
slowly <- setRefClass("Slowly", fields = "iter", contains = "Rcpp_MXArrayDataIter", methods = list(
  initialize = function(iter) {{ .self$iter <- iter; .self }},
  iter.next = function() {{ Sys.sleep(0.1); .self$iter$iter.next() }}, value = function() .self$iter$value(),
  reset = function() .self$iter$reset(), num.pad = function() .self$iter$num.pad()))
all <- function() slowly$new(mx.io.arrayiter(matrix(1:20, 2), 1:10, batch.size = 2))
"""
    )
    lines = {
        "pack()": r"im2rec: image \d+ of 20 \(\d+ %\), \d+ s left",
        "read()": r"reading numbers\.csv \(\d+ %\), \d+ s left",
        "invisible(predict(model, all()))": r"predict: batch \d",
        "invisible(mx.io.extract(all(), 'data'))": r"extract: batch \d",
    }
    with Terminal() as r:
        r.expect("> $")
        r.run(f"source('{tmp_path}/prelude.R')")
        for code, shown in lines.items():
            said = r.run(code)
            assert re.search(shown, said), (code, said)
            assert re.search(shown + r" {10,}> ", said), (code, "is not wiped", said)
        for code, shown in lines.items():
            assert not re.search(shown, r.run(f"x <- capture.output({code})"))
        r.run("options(mxnet.progress = FALSE)")
        for code, shown in lines.items():
            assert not re.search(shown, r.run(code))
        r.quit()


def test_a_script_has_no_line_of_progress(rscript, tmp_path):
    (tmp_path / "prelude.R").write_text(PRELUDE)
    done = rscript(f"source('{tmp_path}/prelude.R'); train(function(...) Sys.sleep(0.1))")
    assert "round" not in done.check() + done.stderr
