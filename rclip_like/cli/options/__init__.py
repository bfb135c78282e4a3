"""The options of every command, each declared once; the manual and the settings read them too.

A module a command: only that of the one called is imported.
"""
