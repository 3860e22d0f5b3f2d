# Python is started by the first call that needs it, never here (R/bridge.R).
