"""R's side of mxr: the only package that imports rpy2. `import mxr` never touches it."""
