"""A painting explained: what the network sees, remembers and matches, as one page of HTML.

Importing this package imports neither torch nor jinja2; its modules do.
"""
