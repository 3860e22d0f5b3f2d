"""Generates R code from the operators' declarations: wrappers, help pages, NAMESPACE. Needs neither R nor
rpy2."""
