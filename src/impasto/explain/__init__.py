"""A report on one painting: what the network sees, remembers and matches, as one HTML page.

>>> from impasto.explain.explainer import Explainer  # doctest: +SKIP
>>> from impasto.explain.render import render  # doctest: +SKIP
>>> explainer = Explainer("photo.jpg", "painting.jpg")  # doctest: +SKIP
>>> for event in explainer:  # doctest: +SKIP
...     print(event.part, event.progress, event.remaining)
>>> page = render(explainer.explanation)  # doctest: +SKIP

Importing the package does not import torch or jinja2; its modules do.
"""
