"""The studio: a page and an API around paint and apply, and jobs that survive anything.

It needs the extra ``impasto[studio]``. `app.create_app` builds the server, `worker.main` a process
that paints. They share a database (`store`) and a folder or a bucket of files (`files`).
"""
