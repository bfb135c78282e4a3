"""The manual's section on names of one's own."""

NAMES = """\
*clipfind name* WORD PICTURE... lets a word stand for what some pictures show: a dog, a house, a
boat, a painter's style, a kind of part. In every query @WORD is a term like any other, with a
weight, in *--add* and *--subtract*, in saved searches and on the page.

    clipfind name rex rex1.jpg rex2.jpg holiday/rex3.jpg
    clipfind @rex ~/Pictures
    clipfind "@rex on the beach" ~/Pictures
    clipfind @rex -s snow --explain

Five pictures are a good start: different places, light and distances, so that what they have in
common is what you mean. A WORD has letters, digits, dashes and underscores and is not a number
alone. A name that exists is an error; *--add* lets it stand for more pictures, *--replace* for
others instead. Pictures need not be indexed: those that are not are read once, and nothing of them
is kept but the digests of the files and the name's embedding. If a picture cannot be read, stderr
names it, the others are taken, and the exit status is 2.

How it is made :: The embedding of a name is the mean of those of its pictures, scaled to unit
length. With fifteen pictures and more, and at least a hundred others in the index, a linear probe
(a logistic regression between the pictures and up to 2,048 others of the index) is tried in five
folds, and taken if it ranks the pictures that were held out better than the mean does. That needs
scikit-learn; without it the mean is taken. A probe gives lower scores than a mean, so mind
*--min-score*; *names list* says how a name was made. The pictures themselves are among the
matches.

A probe :: *clipfind name* WORD *--probe* FILE *--label* LABEL lets the word stand for a label of a
probe that *clipfind probe* has made (without *--features tower*): for what sets that label apart
from the others of the probe, with the probe's model alone. The default LABEL is the WORD.

Another model :: A name is kept with the fingerprint of the model and the digests of its pictures.
With another model, each search takes the mean of those of its pictures that are indexed for that
model, and a line on stderr says if some are missing. To have it made by a probe, or from pictures
that are not indexed, name it again with that model.

Keeping :: *clipfind names list* prints the names, *names show* WORD the indexed files of one, even
those whose disk is away, and *names remove* WORD forgets it. Names belong to one index; *prune*,
*forget* and *doctor* keep them, even when their pictures go. Nothing leaves the machine. *names
export* [WORD]... prints JSON with the name, the digests of the pictures and the embedding, but
neither their paths nor their pixels; *names import* FILE takes all of it, or nothing if any of it
is not as it should be. The file may come from anybody: nothing but words, digests and numbers of
unit length is taken from it.

    clipfind names export rex > rex.json
    clipfind names import rex.json --db other.db

Not for faces :: Names are not made for telling people apart. The model sees a picture as a whole:
clothes, hair, place and light count more than a face, so @anna also finds others in such a coat,
misses Anna in another one, and never says that it is unsure. Whoever acts on that wrongs somebody.
And to recognise people by their looks takes their consent in many places (in the European Union,
Article 9 of the GDPR), which the people in a museum's or a family's pictures have rarely given. For
people, write who is in a picture into its keywords: clipfind searches those (see QUERIES).
"""
