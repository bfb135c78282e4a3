"""The manual on text in pictures; written as manual_text is."""

from __future__ import annotations

READING = """\
*clipfind index --read-text* reads the text in indexed pictures (signs, titles, labels,
screenshots), so that *--words* finds them by it. It needs the package rapidocr, with its models
inside (*pip install rapidocr*, 190 MB with OpenCV; Apache-2.0). Nothing is sent or fetched.

It can come long after the embeddings: only pictures whose text is not known are read, each content
once. If it is stopped, by *--max-time* too, the next run continues; what was read is kept, even
that a picture has none. A picture that crashes the recognition or takes it longer than a minute is
named, and only *--retry* tries it again. With newer models of rapidocr all are read again.

At first text is looked for in a small copy of each picture, of 800 pixels; only where there seems
to be some, it is read in one of at most 12 megapixels. Letters lower than a sixtieth of the
picture's long side are often missed. One process recognises; it takes about 500 MB, beside large
pictures up to 900 MB.

The models read printed Latin and Chinese letters and digits; they read handwriting badly and other
scripts not at all. A line of Chinese is one word. Upright, tilted and upside-down lines are read,
of an animation those of its first frame. What was recognised is kept in the index, 10,000
characters of a picture at most, without control characters. It can be wrong, and it says what
somebody wrote into a picture, not what is true. *status* counts the pictures whose text was read;
*doctor* says what reads it.
"""
