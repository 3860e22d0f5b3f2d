"""Setup for every test."""

import signal

# `nohup make test &` starts with SIGINT ignored, and programs that tests start would inherit that: a Ctrl-C
# to them would do nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
