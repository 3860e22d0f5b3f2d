"""R: the only code that knows R and imports rpy2. `import mxr` never touches it.

May import: everything below. Inside: bridge, then verbs, then host; generate needs no R.
"""
