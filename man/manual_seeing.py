"""The manual on looking at what was found."""

from __future__ import annotations

SEEING = """\
*clipfind* QUERY *-p* draws each picture beside its rank, score, path, date and size. *clipfind
preview* FILE draws one picture of any format that is read, raw and HEIC included. What they draw
are thumbnails, as CONTACT SHEETS describes them. If one cannot be made, its box says why. *-p* does
nothing if stdout is not a terminal.

--preview-protocol :: How the terminal is sent pictures. *kitty* is for kitty and Ghostty. *sixel*
is for foot, WezTerm, iTerm2, mlterm, Konsole, Windows Terminal and others. *blocks* needs nothing
but colours: each character is two pixels, in 24 bits of colour where COLORTERM or TERM says that
the terminal shows them, otherwise in 256 colours. *auto* decides by the terminal's variables (TERM,
TERM_PROGRAM, KITTY_WINDOW_ID and others). If these tell nothing, it asks the terminal and waits for
a second at most, but only if stdin and stdout are the terminal that clipfind runs in, and nothing
was typed ahead. Inside tmux, *auto* means *sixel* from tmux 3.4 on if the terminal around it shows
sixels, otherwise *blocks*; inside screen, and in a pipe, it means *blocks*.

preview --size :: How many columns and rows the picture may take. Without it, those in
FZF_PREVIEW_COLUMNS and FZF_PREVIEW_LINES count, which fzf sets, otherwise the size of the terminal.
In a pipe one of them is needed. A picture is not enlarged.

--open, --open-rank :: When the results are printed, *--open* opens the best one and *--open-rank* N
the one of rank N, by xdg-open (on a Mac by open), in the program that the desktop has for it.

fzf, lf :: fzf searches as you type and previews the result under its cursor. clipfind reads what
is typed as words, and the index is not updated:

    : | fzf --disabled --read0 --print0 --reverse \\
        --bind "change:reload:sleep 0.1
            clipfind search --text -n -f0 -t 100 -- {q} ~/Pictures || true" \\
        --preview "clipfind preview {}" | xargs -0 -r -n1 xdg-open

Names may have spaces, quotes and line breaks. fzf can show a name that is not UTF-8 but not pass it
on. For lf, *set previewer* names a script, which is given the path, the width (of which lf shows
two columns less) and the height:

    #!/bin/sh
    clipfind preview --size "$(($2 - 2))x$3" -- "$1" 2>/dev/null ||
        head -n "$3" -- "$1"
"""
