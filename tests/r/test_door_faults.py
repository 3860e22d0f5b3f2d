"""Faults of the door itself: for any exception of Python, with any message, R gets an error, never NULL."""

from __future__ import annotations

PRELUDE = r"""
suppressMessages(library(mxnet))
call <- mxnet:::call_python
invisible(call("bridge.live"))
reticulate::py_run_string(r"---(
import builtins, random, resource
from mxr import MxError
from mxr.r.bridge import failures, r_api
from mxr.r.bridge.registry import verb
class Mute(Exception):
    def __str__(self): raise ValueError('no words')
class Number(Exception):
    def __str__(self): return 7
class Interrupting(MxError):
    def __str__(self): raise KeyboardInterrupt
class Ending(BaseException):
    def __str__(self): raise SystemExit(3)
class Hollow(Exception):
    __module__ = None
    @property
    def __cause__(self): raise RuntimeError('no cause')
    @property
    def args(self): raise RuntimeError('no arguments')
    def __getattribute__(self, name):
        if name.startswith('__') and name not in ('__class__', '__traceback__', '__init__'):
            raise MemoryError(name)
        return super().__getattribute__(name)
class Nameless(MxError):
    def __repr__(self): raise OSError
def circle():
    a, b = ValueError('a'), ValueError('b')
    a.__cause__, b.__cause__ = b, a
    return a
def noted():
    e = ValueError('noted')
    e.__notes__ = 5
    return e
ODD = [Mute, Number, Interrupting, Ending, Hollow, lambda: Nameless('x\0y'), circle, noted,
       lambda: ExceptionGroup('several', [Mute(), ValueError('\0')]), lambda: OSError(2, None, 'a\0b'),
       lambda: OSError(5, '\ud800', b'\xff\0'),
       lambda: OSError(2, 'words', 3.5), lambda: MxError(), lambda: MxError(None),
       lambda: MxError('x' * 10_000_000),
       lambda: MxError('\0' * 200_000), lambda: MxError('\x1b[31m\r\n\t\x07'), lambda: MxError(b'\xff\xfe'),
       lambda: UnicodeDecodeError('utf-8', b'\xff' * 3, 0, 1, 'bad\0'),
       lambda: type('Naïve\u2028', (MxError,), {})('x'), lambda: SystemExit(1), lambda: GeneratorExit(),
       lambda: StopIteration(3),
       lambda: SyntaxError('bad', ('file\0', 1, 1, 'text\0')), lambda: RecursionError('deep'),
       lambda: MemoryError('\0')]
KINDS = [k for k in vars(builtins).values() if isinstance(k, type) and issubclass(k, BaseException)
         and not issubclass(k, (KeyboardInterrupt, UnicodeError, BaseExceptionGroup))] + [MxError]
@verb('test.odd')
def odd(i):
    if i < len(ODD): raise ODD[int(i)]()
    return 'no more'
@verb('test.any')
def any_exception(seed):
    rng = random.Random(seed)
    text = ''.join(chr(rng.choice([rng.randrange(256), rng.randrange(0x110000), 0,
      0xd800 + rng.randrange(2048), 0x25])) for _ in range(rng.randrange(60)))
    error = rng.choice(KINDS)(*[rng.choice([text, text.encode('utf-8', 'surrogatepass'), None, rng.random(),
      [text]]) for _ in range(rng.randrange(4))])
    raise error
allocate = r_api.allocate
@verb('test.starve')
def starve(n):
    '''The n-th piece of R's memory that is asked for from now on, and all after it, cannot be had.'''
    left = [n]
    def starved(*args):
        left[0] -= 1
        if left[0] < 0: raise MemoryError('starved')
        return allocate(*args)
    r_api.allocate = starved
    raise MxError('starving')
@verb('test.feed')
def feed(): r_api.allocate = allocate
@verb('test.exhaust')
def exhaust(_):
    '''Runs out of memory for good.'''
    resource.setrlimit(resource.RLIMIT_AS,
      (int(open('/proc/self/statm').read().split()[0]) * 4096 + (16 << 20), resource.RLIM_INFINITY))
    held, size = [], 8 << 20
    while True:
        try:
            held.append(bytearray(size))
        except MemoryError:
            size //= 2
            if size < 16: raise
@verb('test.relieve')
def relieve(): resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
)---")
failed <- function(...) {
  e <- tryCatch(list(value = call(...)), error = identity)
  if (!inherits(e, "mxnet_error")) stop(list(...)[[2]], " gave ", deparse(e)[1])
  message <- conditionMessage(e)
  call("test.feed"); call("test.relieve")
  if (length(message) != 1 || !validUTF8(message) || !nzchar(message) || nchar(message) > 101000)
    stop(list(...)[[2]], ": ", substr(message, 1, 200))
  text <- capture.output(mxr.last.error())
  stopifnot(all(validUTF8(text)))
  message
}
"""

CHECKS = {
    "odd exceptions": r"""
        i <- 0
        while (!identical(tryCatch(call("test.odd", i), error = function(e) "error"), "no more")) {
          failed("test.odd", i)
          if (try(call("test.odd", i), silent = TRUE) |> inherits("try-error") |> isFALSE())
            stop("try() saw no error")
          i <- i + 1
        }
        stopifnot(i > 20, identical(call("bridge.version"), as.character(packageVersion("mxnet"))))""",
    "any exception": r"""
        for (i in 1:1000) failed("test.any", i)""",
    "no memory for the report": r"""
        said <- character()
        for (n in 0:12) { said[n + 1] <- failed("test.starve", n) }
        stopifnot(grepl("not enough memory", said[[1]]), said[[13]] == "starving", "starving" != said[[4]])
        again <- failed("test.starve", 0)
        stopifnot(identical(again, said[[1]]))""",
    "no memory at all": r"""
        for (i in 1:3) { said <- failed("test.exhaust", 0); stopifnot(grepl("not enough memory", said)) }
        stopifnot(sum(as.array(mx.nd.ones(10))) == 10)""",
    "methods of the package, called with other objects": r"""
        space <- asNamespace("mxnet")
        said <- character()
        for (f in ls(space, pattern = "\\.(MXNDArray|Rcpp_MXSymbol|Rcpp_MXExecutor)$"))
          for (x in list(array(1:4), "x", NULL, mean, structure(list(), class = "MXNDArray"))) {
            e <- tryCatch({ capture.output(get(f, space)(x)); NULL }, error = identity)
            if (!is.null(e) && grepl("defect", conditionMessage(e)))
              said <- c(said, paste(f, conditionMessage(e)))
          }
        if (length(said)) stop(paste(said, collapse = "; "))""",
    "a file with a zero character": r"""
        for (text in c('{"nodes":[{"op":"foo\\u0000bar","name":"x","inputs":[]}],"heads":[[0,0,0]]}',
                       '{"nodes":[{"op":"foo\\ud800","name":"x","inputs":[]}],"heads":[[0,0,0]]}')) {
          r <- try(mx.symbol.load.json(text), silent = TRUE)
          stopifnot(inherits(r, "try-error"),
            grepl("there is no operator foo|characters that are not text", r))
        }
        s <- mx.symbol.load.json(paste0('{"nodes":[{"op":"null","name":"a\\u0000b","inputs":[]}],',
          '"arg_nodes":[0],"heads":[[0,0,0]]}'))
        stopifnot(inherits(try(mx.simple.bind(s, mx.cpu(), "write"), silent = TRUE), "try-error"))
        stopifnot(inherits(try(mx.simple.bind(s, mx.cpu(), "write", x = 3), silent = TRUE), "try-error"))""",
}


def test_the_door_reports(check):
    assert check == "ok"
