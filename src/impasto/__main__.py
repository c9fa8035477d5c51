"""``python -m impasto`` is ``impasto``."""

from impasto.cli.main import run

if __name__ == "__main__":
    run()
