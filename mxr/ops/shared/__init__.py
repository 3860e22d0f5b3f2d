"""What several operator families share: declaring element-wise operators and optimizers' updates."""
