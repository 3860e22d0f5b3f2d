"""Processes of R's users: forked children, ends of scripts, read-only or missing home folders, two sessions
at once; and output that goes to the same place as R's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.r.hosts import HOSTS, command, environment, run_code, succeeds

NET = """
suppressMessages(library(mxnet))
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1,
  name = "fc"), name = "lro")
train <- function(...) mx.model.FeedForward.create(net, X = matrix(1:20, 2), y = 1:10, num.round = 1,
  array.layout = "colmajor", eval.metric = mx.metric.rmse, ...)
"""

FORKS = (
    NET
    + """
a <- mx.nd.ones(c(300, 300)); ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(300, 200))
# large enough for oneDNN, where it is installed
conv <- mx.symbol.Convolution(mx.symbol.Variable("data"), kernel = c(3, 3), num.filter = 64, name = "c")
conv <- mx.simple.bind(mx.symbol.MakeLoss(conv), mx.cpu(), "write", data = c(40, 40, 64, 2))
values <- list(data = array(sin(1:204800), c(40, 40, 64, 2)), c_weight = array(cos(1:36864), c(3, 3, 64, 64)))
mx.exec.update.arg.arrays(conv, lapply(values, mx.nd.array), match.name = TRUE)
total <- function(x) sum(as.array(x))
work <- function(i) {
  mx.exec.forward(ex); mx.exec.backward(ex); m <- train(verbose = FALSE)
  mx.exec.forward(conv, is.train = TRUE); mx.exec.backward(conv)
  (total(mx.nd.dot(a, a)) + total(conv$ref.outputs[[1]]) + total(conv$ref.grad.arrays$c_weight)) * i
}
one <- work(1)
for (round in 1:6) {
  r <- parallel::mclapply(1:4, work, mc.cores = 2)
  stopifnot(identical(unlist(r), one * 1:4))
}
e <- suppressWarnings(parallel::mclapply(1:2, function(i) a + mx.nd.ones(3), mc.cores = 2))
stopifnot(grepl("the arrays have shapes", e[[1]]), identical(work(1), one))
cat("parent goes on\\n")
"""
)


@pytest.mark.parametrize("host", HOSTS)
def test_forked_children_compute(host):
    assert succeeds(run_code(host, FORKS, timeout=900)) == "parent goes on\n"


CLUSTER = (
    NET
    + """
cl <- parallel::makeCluster(2); invisible(parallel::clusterEvalQ(cl, suppressMessages(library(mxnet))))
stopifnot(identical(parallel::parSapply(cl, 1:4, function(i) sum(as.array(mx.nd.ones(3) * i))),
  c(3, 6, 9, 12)))
there <- parallel::clusterCall(cl, function(a) list(sum(as.array(a)), a * 2), mx.nd.ones(3))
stopifnot(identical(there[[1]][[1]], 3), identical(c(as.array(there[[2]][[2]])), c(2, 2, 2)))
ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(2, 3))
e <- tryCatch(parallel::clusterCall(cl, function(e) e$outputs, ex), error = conditionMessage)
stopifnot(grepl("this executor belongs to another R session", e))
parallel::stopCluster(cl); cat("all right")
"""
)


@pytest.mark.parametrize("host", HOSTS)
def test_workers_compute(host):
    assert succeeds(run_code(host, CLUSTER, timeout=200)) == "all right"


ENDS = {
    "stop('at the end')": 1,
    "train(verbose = FALSE, batch.end.callback = function(...) quit(status = 6))": 6,
    "reg.finalizer(globalenv(), function(e) mx.nd.ones(2) + mx.nd.ones(3), onexit = TRUE)": 0,
    "x <- mx.nd.ones(2); .Last <- function() stop('too late'); quit(status = 5)": None,
}


@pytest.mark.parametrize("host", HOSTS)
def test_scripts_end_as_in_plain_r(host):
    """The exit status is R's, and the output has nothing of Python's. None: the same status as in plain R."""
    for code, status in ENDS.items():
        done = run_code(host, NET + code)
        plain = run_code("Rscript", code.split("; ", 1)[1]) if status is None else None
        assert done.returncode == (plain.returncode if plain else status), (code, done)
        assert not [
            w for w in ("Traceback", "Python", "rpy2", "Exception", "core dumped") if w in done.stderr
        ], (code, done.stderr)


@pytest.mark.parametrize(
    "host, home",
    [("Rscript", "read-only"), ("Rscript", "missing"), ("Rscript", "unset"), ("mxr run", "missing")],
)
def test_a_home_folder_that_cannot_be_used(host, home, tmp_path):
    where = tmp_path / "home"
    if home == "read-only":
        where.mkdir(mode=0o555)
    (tmp_path / "script.R").write_text(NET + "m <- train(verbose = FALSE); cat(class(m))")
    variables = environment(HOME=str(where))
    if home == "unset":
        del variables["HOME"]

    done = subprocess.run(
        [*command(host), tmp_path / "script.R"],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "MXFeedForwardModel", "")
    assert not where.exists() or not list(where.iterdir())


def test_two_sessions_at_once(tmp_path):
    """Two sessions, one of each host, in one folder: the same numbers as alone."""
    script = tmp_path / "script.R"
    script.write_text(
        NET
        + """
        mx.set.seed(1)
        m <- mx.model.FeedForward.create(net, X = matrix(sin(1:2000), 2), y = cos(1:1000), num.round = 30,
          array.batch.size = 10, array.layout = "colmajor", verbose = FALSE)
        f <- paste0("m", Sys.getpid()); mx.model.save(m, f, 1)
        cat(format(unlist(lapply(mx.model.load(f, 1)$arg.params, as.array)), digits = 15))"""
    )
    started = [
        subprocess.Popen(
            [*command(host), script],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        for host in HOSTS
    ]
    said = [p.communicate(timeout=900) for p in started]
    assert [p.returncode for p in started] == [0, 0] and said[0] == said[1] and said[0][1] == "", said


C_LOCALE = (
    NET
    + r"""
folder <- list.files(pattern = "^donn"); at <- file.path(folder, "m"); stopifnot(nchar(folder, "bytes") == 8)
model <- train(verbose = FALSE); mx.model.save(model, at, 1)
stopifnot(identical(list.files(folder), c("m-0001.params", "m-symbol.json")),
  identical(names(mx.model.load(at, 1)$arg.params), c("fc_weight", "fc_bias")))
writeLines(c("1,2", "3,4"), file.path(folder, "x.csv"))
it <- mx.io.CSVIter(data.csv = file.path(folder, "x.csv"), data.shape = 2, batch.size = 2)
stopifnot(it$iter.next(), identical(as.array(it$value()$data), matrix(c(1, 2, 3, 4), 2)))
writeLines(paste0("0\t1\t", folder, "/x.csv"), "list")
im2rec("list", "", file.path(folder, "r"), unchanged = 1); stopifnot(file.exists(file.path(folder, "r")))
marked <- "n\u00e9.params"; mx.nd.save(structure(list(mx.nd.ones(2)), names = "\u65e5"), marked)
stopifnot(length(list.files(pattern = "^n.*params$")) == 1, identical(names(mx.nd.load(marked)), "\u65e5"))
e <- tryCatch(mx.nd.load("\u65e5"), mxnet_error = conditionMessage)
stopifnot(identical(e, "cannot read \u65e5: No such file or directory"))
named <- mx.symbol.Variable(folder)
stopifnot(identical(arguments(named), "donn\u00e9es"),
  identical(arguments(mx.symbol.load.json(named$as.json())), "donn\u00e9es"))
cat("all right")
"""
)


@pytest.mark.parametrize("host", HOSTS)
def test_files_that_the_c_locale_has_no_characters_for(host, tmp_path):
    (tmp_path / "données").mkdir()
    assert succeeds(run_code(host, C_LOCALE, cwd=tmp_path, LC_ALL="C")) == "all right"


READ = (
    "suppressMessages(library(mxnet)); cat(sum(as.array(mx.nd.ones(3))), commandArgs(TRUE), ''); "
    "mx.nd.ones(2) + mx.nd.ones(3)"
)


@pytest.mark.parametrize(
    "words", [["R", "--no-echo", "--args"], ["Rscript", "-"], ["mxr run", "-"], ["mxr run", "/dev/stdin"]]
)
def test_scripts_from_standard_input(words):
    done = subprocess.run(
        [*(command(words[0]) if words[0] in HOSTS else words[:1]), *words[1:], "a", "b"],
        env=environment(),
        input=READ + "\ncat('NOT REACHED')",
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (1, "3 a b "), done
    assert done.stderr.startswith("Error in mx.nd.ones(2) + mx.nd.ones(3) :"), done


def test_a_batch_job(tmp_path):
    (tmp_path / "script.R").write_text(READ)
    done = subprocess.run(
        ["R", "CMD", "BATCH", "--vanilla", "script.R"],
        env=environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )
    page = (tmp_path / "script.Rout").read_text()
    assert (
        done.returncode == 1
        and "\n3 " in page
        and "Error in mx.nd.ones(2) + mx.nd.ones(3) :" in page
        and page.endswith("Execution halted\n")
    ), page


@pytest.mark.parametrize("host", HOSTS)
def test_standard_output_is_closed(host, tmp_path):
    (tmp_path / "script.R").write_text(
        "suppressMessages(library(mxnet)); print(1); writeLines(format(sum(as.array(mx.nd.ones(3)))), 'sum')"
    )
    done = subprocess.run(
        ["bash", "-c", 'exec "$@" >&-', "bash", *command(host), "script.R"],
        env=environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr, (tmp_path / "sum").read_text()) == (0, "", "3\n")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("writes", "ends"), [('cat("more\n")', "Execution halted"), ("Sys.sleep(0.001)", "at the end")]
)
def test_output_without_a_reader(host, writes, ends, tmp_path):
    """`Rscript script.R | head -1`: as in plain R, a script that writes more is ended, and one that does not
    write continues."""
    script = tmp_path / "script.R"
    script.write_text(
        'suppressMessages(library(mxnet)); x <- mx.nd.ones(2); cat("one\n"); go <- readLines(file("stdin"), '
        f'1)\nfor (i in 1:300) {{ {writes}; x <- x + 1 }}; message("at the end")'
    )
    process = subprocess.Popen(
        [*command(host), str(script)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "one\n"
    process.stdout.close()
    process.stdin.write("go\n")
    process.stdin.close()
    words = process.stderr.read()
    assert ends in words and ("at the end" in words) == (process.wait(60) == 0), words


def test_a_missing_script(tmp_path):
    for name, says in ((str(tmp_path), "it is a folder"), ("nowhere.R", "no such file")):
        done = subprocess.run(
            [*command("mxr run"), name], env=environment(), capture_output=True, text=True, timeout=100
        )
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            "",
            f"mxr run: cannot open {name}: {says}\n",
        )


DOCUMENT = """
```{r}
library(mxnet)
a <- mx.nd.ones(2)
a
mx.symbol.Variable("x")
```
```{r}
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1))
train <- function() mx.model.FeedForward.create(net, X = matrix(1:20, 2), y = 1:10, num.round = 1,
  array.layout = "colmajor", eval.metric = mx.metric.rmse)
m <- train()
```
```{r, error = TRUE}
a + mx.nd.ones(3)
```
```{r, message = FALSE}
m <- train()
cat("quiet\\n")
```
```{r, warning = TRUE}
s <- mx.symbol.Concat(list(net, net), num.args = 2)
```
"""

CAPTURED = (
    NET
    + """
file <- tempfile(); sink(file); mx.nd.ones(3); print(mx.nd.ones(2)); print(net)
m <- suppressMessages(train()); sink()
stopifnot(readLines(file)[1:2] == c("[1] 1 1 1", "[1] 1 1"), any(grepl("lro_output", readLines(file))))
stopifnot(identical(capture.output(print(mx.nd.ones(3))), "[1] 1 1 1"),
  any(grepl("Traceback|no error", capture.output(mxr.last.error()))))
stopifnot(length(capture.output(suppressMessages(train()) -> m)) == 0)
seen <- character()
withCallingHandlers(train(), message = function(m) {
  seen <<- c(seen, conditionMessage(m)); invokeRestart("muffleMessage")
}) -> m
stopifnot(any(grepl("^Start training", seen)), any(grepl("Train-rmse=", seen)))
con <- file(tempfile(), "w"); sink(con, type = "message"); train() -> m; sink(type = "message"); close(con)
invisible(knitr::knit("document.Rmd", quiet = TRUE))
"""
)


@pytest.mark.parametrize("host", HOSTS)
def test_output_goes_to_the_same_place_as_r_s(host, tmp_path):
    (tmp_path / "document.Rmd").write_text(DOCUMENT)
    done = run_code(host, CAPTURED, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    page = (tmp_path / "document.md").read_text()
    for words in (
        "## [1] 1 1\n",
        "## <symbol> outputs: x",
        "## Start training with 1 devices",
        "Train-rmse=",
        "## Error in a + mx.nd.ones(3): `+`: the arrays",
        "## quiet",
        "## Warning",
    ):
        assert words in page, page
    assert page.count("Start training") == 1, page


def test_a_session_in_a_notebook_of_python_ends_well():
    code = (
        "from mxr.r import host\nhost.start()\nimport rpy2.rinterface as ri\n"
        "ri.baseenv['eval'](ri.parse('suppressMessages(library(mxnet)); x <- mx.nd.array(1:3)'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=900
    )
    assert (done.returncode, done.stderr) == (0, ""), done
