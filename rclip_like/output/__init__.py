"""Matches and reports to lines, JSON and bytes on stdout; talk and progress on stderr."""
