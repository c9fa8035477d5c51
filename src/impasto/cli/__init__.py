"""The command line: draws what the engines report. One file per command."""
