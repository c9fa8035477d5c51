"""The routes of the API, one module for each part of it."""

from pathlib import Path

from starlette.templating import Jinja2Templates

templates = Jinja2Templates(Path(__file__).with_name("templates"))
