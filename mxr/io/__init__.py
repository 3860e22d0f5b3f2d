"""Files: parameters, records, and readers of data and images.

May import: runtime, operator, random.
"""
