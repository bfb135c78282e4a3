"""The peer's fifteen faults, done for real on both tools: python -m bench.faults."""
