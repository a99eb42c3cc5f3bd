"""Words and letter pairs for channels that look like language, read from names/labels.txt.

The list is the one that geophone's own price is learnt from: the channel's best case, not ours.
"""

import functools
import os

LABELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "names", "labels.txt")


def section(title):
    taken, wanted = [], False
    with open(LABELS, encoding="ascii") as file:
        for line in file.read().splitlines():
            if line.startswith("#"):
                wanted = line[1:].split()[0] == title
            elif wanted and line:
                taken.append(line)
    return taken


@functools.cache
def common(count):
    """The first so many words of 4 to 8 letters."""
    return [w.encode() for w in section("words") if 4 <= len(w) <= 8 and w.isalpha()][:count]


@functools.cache
def followers(count):
    """For each letter, and `^` for the beginning, the letters that most often follow it."""
    seen = {}
    for word in section("words"):
        for last, letter in zip("^" + word, word):
            if letter.isalpha():
                seen.setdefault(last, {}).setdefault(letter, 0)
                seen[last][letter] += 1
    alphabet = "etaoinshrdlucmfwypvbgkjqxz"
    full = {}
    for last in "^" + alphabet:
        ranked = sorted(seen.get(last, {}).items(), key=lambda item: (-item[1], item[0]))
        letters = [letter for letter, _ in ranked]
        full[last] = (letters + [l for l in alphabet if l not in letters])[:count]
    return full
