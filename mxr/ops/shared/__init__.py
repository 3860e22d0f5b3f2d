"""Helpers of several operator families: declaring element-wise operators and optimizers' updates."""
