#!/usr/bin/env python3
"""Writes labels.txt: the labels that train the name experts of the pricing code.

    build.py            read the sources, write labels.txt
    build.py --check    read labels.txt alone and test its form

Sources: hosts.txt beside this file, the Debian packages `wamerican-small` and
`scowl` (installed), and the package names in apt's index of Debian bookworm.
The same sources give the same bytes: no clock, no random numbers, no locale.
"""

import argparse
import hashlib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
HOSTS = HERE / "hosts.txt"
LABELS = HERE / "labels.txt"

SECTIONS = ("hosts", "words", "technical")
LABEL = re.compile(r"[a-z0-9_-]{1,63}")
MAX_BYTES = 260_000

WORDS = pathlib.Path("/usr/share/dict/american-english-small")
TIERS = pathlib.Path("/usr/share/dict/scowl")
WORD = re.compile(r"[a-z]{3,12}")
# The levels of SCOWL up to 20 are its common words and are taken whole; of
# level 35 only the short words, the ones that serve as names.
LEVELS = ((10, 12), (20, 12), (35, 6))  # (level, longest word)
MAX_WORDS = 13_500

SUITE = "bookworm"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{2,22}[a-z0-9]")
MAX_NAMES = 3_000
# `librust-*`, `python3-*` and `*-dev` would fill the sample: at most so many
# names share their first part, and their last.
MAX_SAME_FIRST = 25
MAX_SAME_LAST = 150


def read_hosts(path):
    """The labels of the hand-written file, in its order, which is their rank."""
    labels = []
    for line in path.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            labels += line.split()
    bad = sorted({label for label in labels if not LABEL.fullmatch(label)})
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if bad or twice:
        sys.exit(f"{path.name}: not a label: {bad}; more than once: {twice}")
    return labels


def read_words(words, tiers, taken):
    """Common words: level by level, in each the shorter first."""
    common = set(words.read_text(encoding="utf-8").split())
    chosen = []
    seen = set(taken)
    for level, longest in LEVELS:
        found = set()
        for variety in ("english", "american"):
            path = tiers / f"{variety}-words.{level}"
            found.update(path.read_text(encoding="latin-1").split())
        found = {w for w in found & common if WORD.fullmatch(w) and len(w) <= longest}
        fresh = found - seen
        room = MAX_WORDS - len(chosen)
        # Where a level does not fit, its sample follows no alphabet.
        fresh = sorted(fresh, key=digest)[:room]
        chosen += sorted(fresh, key=by_length)
        seen.update(fresh)
    return chosen


def package_names():
    """Names of the binary packages of Debian's own archive, no third party's."""
    targets = ["Created-By: Packages", "Origin: Debian", f"Codename: {SUITE}"]
    index = run(["apt-get", "indextargets", "--format", "$(FILENAME)", *targets])
    files = index.split()
    if not files:
        sys.exit(f"apt has no index of Debian {SUITE}: run `apt-get update` there")
    text = run(["/usr/lib/apt/apt-helper", "cat-file", *files])
    return {line[9:] for line in text.splitlines() if line.startswith("Package: ")}


def read_names(names, taken):
    """A varied sample of the names that carry a hyphen or a number."""
    first, last = {}, {}
    chosen = []
    for name in sorted(names - set(taken), key=digest):
        if len(chosen) == MAX_NAMES:
            break
        if not NAME.fullmatch(name) or name.isalpha():
            continue
        parts = [part.strip("0123456789") for part in name.split("-")]
        head, tail = parts[0], parts[-1] if len(parts) > 1 else name
        if first.get(head, 0) >= MAX_SAME_FIRST or last.get(tail, 0) >= MAX_SAME_LAST:
            continue
        first[head] = first.get(head, 0) + 1
        last[tail] = last.get(tail, 0) + 1
        chosen.append(name)
    return sorted(chosen, key=by_length)


def digest(label):
    """An order that is fixed, and that a new label elsewhere does not disturb."""
    return hashlib.sha256(label.encode("ascii", "replace")).digest(), label


def by_length(label):
    return len(label), label


def run(command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8")


def check(text):
    """Stops at a form the reader of labels.txt does not expect; counts sections."""
    if len(text) > MAX_BYTES:
        sys.exit(f"labels.txt: {len(text)} bytes, more than {MAX_BYTES}")
    counts = {}
    seen = set()
    section = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            section = line[2:]
            counts[section] = 0
            continue
        if section is None or not LABEL.fullmatch(line):
            sys.exit(f"labels.txt:{number}: not a label: {line!r}")
        if line in seen:
            sys.exit(f"labels.txt:{number}: more than once: {line}")
        seen.add(line)
        counts[section] += 1
    if tuple(counts) != SECTIONS or not all(counts.values()):
        sys.exit(f"labels.txt: sections are {counts}, not {SECTIONS}")
    return counts


def main():
    parser = argparse.ArgumentParser(description="Write or check labels.txt.")
    parser.add_argument("--check", action="store_true", help="check labels.txt alone")
    if not parser.parse_args().check:
        hosts = read_hosts(HOSTS)
        words = read_words(WORDS, TIERS, hosts)
        names = read_names(package_names(), hosts + words)
        lines = []
        for section, labels in zip(SECTIONS, (hosts, words, names)):
            lines += [f"# {section}", *labels]
        text = "\n".join(lines) + "\n"
        check(text)
        LABELS.write_bytes(text.encode("ascii"))
    text = LABELS.read_bytes().decode("ascii")
    counts = check(text)
    total = sum(counts.values())
    parts = ", ".join(f"{section} {count}" for section, count in counts.items())
    print(f"labels.txt: {parts}; {total} labels, {len(text)} bytes")


if __name__ == "__main__":
    main()
