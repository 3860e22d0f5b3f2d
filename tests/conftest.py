"""Setup for every test, and the order of the files."""

import os
import signal

# The slowest files, which run first. pytest-xdist gives each of its processes one file after the other. If
# long files came last, one process would be idle while another runs them.
SLOWEST = [
    "tests/r/test_package.py",
    "tests/r/test_install.py",
    "tests/r/test_bridge.py",
    "tests/r/test_usage.py",
    "tests/r/test_scripts.py",
    "tests/r/test_which_python.py",
    "tests/r/test_processes.py",
    "tests/test_cookbook.py",
    "tests/testing/test_plugin.py",
    "tests/r/test_check.py",
    "tests/r/test_followed.py",
    "tests/r/test_limits_r.py",
    "tests/engine/test_limits.py",
    "tests/r/test_doctor.py",
    "tests/ops/test_shapes.py",
    "tests/r/test_probes.py",
]

# Byte-compiling takes most of the time of the R package's installation, and changes no result.
os.environ.setdefault("R_COMPILE_PKGS", "0")

# `nohup make test &` starts with SIGINT ignored, and programs that tests start would inherit that: a Ctrl-C
# to them would do nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    config.option.loadscopereorder = False  # pytest-xdist would begin with the files that have most tests


def pytest_collection_modifyitems(items):
    position = {name: i for i, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: position.get(item.nodeid.partition("::")[0], len(position)))
