"""Copies among indexed pictures: candidates by digest and embedding, checked by small pixels."""
