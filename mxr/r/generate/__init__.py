"""What follows from the operators' declarations for R: wrappers, help pages, NAMESPACE. Needs neither R nor
rpy2."""
