"""Spoil files of runs, locks and cards, thousands of them, and see that each is refused in words, or used.

Exit code 1 where one brings anything else about, or takes too long; it is kept, and its path printed.
"""

import argparse
import random
import signal
import sys
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

LIMIT = 2.0
"""Seconds of work for a file; most take milliseconds."""

ENOUGH = 20
"""So many faults are told; more would be the same ones."""


class Hang(BaseException):
    """A file takes too long: no ``except Exception`` may keep it from being told."""


@contextmanager
def limited():
    def stop(*_):
        raise Hang(f"took more than {LIMIT:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)  # of this process: others may be busy
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(files, kind, data):
    """Return ``refused``, ``read`` or ``fault``; the seconds it took; and what went wrong."""
    from spoilt_files import Fault

    began = time.process_time()
    try:
        with limited():
            told, why = ("read" if files.use(kind, data) else "refused"), ""
    except (Fault, Hang):
        told, why = "fault", traceback.format_exc()
    return told, time.process_time() - began, why


def kept(folder, number, kind, mutation, data):
    """Write a file that is at fault to a folder; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number}-{kind}-{mutation.replace(' ', '-')}.json"
    file.write_bytes(data)
    return file


def spoilt(files, number, seed):
    """Return the kind of a file, what happens to it, and what it is then."""
    from mutations import MUTATIONS, mutated

    rng = random.Random(f"{seed} {number}")
    kind = rng.choice(["run", "run", "lock", "lock", "card"])
    mutation = rng.choice(MUTATIONS)
    valid = files.valid[kind]
    data, other = valid[0] if kind == "card" else rng.choice(valid), rng.choice(valid)
    return kind, mutation, mutated(mutation, data, other, rng.random())


def fuzz(many, seed, folder):
    """Spoil files and use them; return how many were at fault."""
    from spoilt_files import files as made

    files = made()
    for kind, valid in files.valid.items():
        for data in valid[: 1 if kind == "card" else None]:  # the second card is another network's
            told, _, why = outcome(files, kind, data)
            if told != "read":
                sys.exit(f"a {kind} as it should be is not read: {why}")
    counts, slowest, faults = Counter(), {}, 0
    for number in range(many):
        kind, mutation, data = spoilt(files, number, seed)
        told, seconds, why = outcome(files, kind, data)
        counts[kind, mutation, told] += 1
        slowest[kind] = max(slowest.get(kind, (0.0, 0)), (seconds, number))
        if told == "fault":
            faults += 1
            if faults <= ENOUGH:
                print(f"{why}\n  {kept(folder, number, kind, mutation, data)}", flush=True)
        if (number + 1) % 1000 == 0:
            print(f"{number + 1} of {many} files, {faults} at fault", flush=True)
    print(summary(counts, slowest))
    return faults


def summary(counts, slowest):
    lines = [f"{'':6}{'':26}{'refused':>9}{'read':>9}{'at fault':>9}"]
    for kind, mutation in sorted({(kind, mutation) for kind, mutation, _ in counts}):
        row = [counts[kind, mutation, told] for told in ("refused", "read", "fault")]
        lines.append(f"{kind:6}{mutation:26}" + "".join(f"{n:9}" for n in row))
    every = [sum(n for (*_, what), n in counts.items() if what == told) for told in ("refused", "read", "fault")]
    lines.append(f"{'all':32}" + "".join(f"{n:9}" for n in every))
    for kind, (seconds, number) in sorted(slowest.items()):
        lines.append(f"slowest {kind}: {1000 * seconds:.0f} ms, file {number}")
    return "\n".join(lines)


def guided(seconds, seed, folder):
    """Let Atheris look for files that take ways through the code that none took before. (pip install atheris)"""
    import atheris

    with atheris.instrument_imports(include=["neuronspec.ledger", "neuronspec.tables", "neuronspec.networks.store"]):
        from spoilt_files import files as made
    from mutations import MUTATIONS, mutated

    files, kinds = made(), ["run", "lock", "card"]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for at, kind in enumerate(kinds):
        for number, data in enumerate(files.valid[kind]):
            (corpus / f"{kind}-{number}").write_bytes(bytes([at]) + data)

    def one(data):
        kind = kinds[data[0] % len(kinds)] if data else "run"
        told, _, why = outcome(files, kind, data[1:])
        if told == "fault":
            print(why, kept(folder, 0, kind, "guided", data[1:]), sep="\n  ", flush=True)
            raise RuntimeError("a file is at fault")

    def custom(data, most, number):
        rng = random.Random(number)
        if len(data) < 2 or rng.random() < 0.3:
            return atheris.Mutate(data, most)
        valid = files.valid[kinds[data[0] % len(kinds)]]
        try:
            changed = mutated(rng.choice(MUTATIONS), data[1:], rng.choice(valid), number)
        except (ValueError, RecursionError, AttributeError, TypeError):  # it was no JSON object any more
            return atheris.Mutate(data, most)
        return (data[:1] + changed)[:most]

    options = [f"-max_total_time={seconds}", f"-seed={seed + 1}", "-max_len=400000", "-rss_limit_mb=6000"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], one, custom_mutator=custom)
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="how many [20000]")
    parser.add_argument("--seed", type=int, default=0, help="of what happens to them [0]")
    parser.add_argument("--keep", type=Path, default=Path(".neuronspec/fuzz"), help="where files at fault are kept")
    parser.add_argument("--atheris", type=int, metavar="SECONDS", help="search for so long, guided by coverage")
    asked = parser.parse_args()
    if asked.atheris:
        guided(asked.atheris, asked.seed, asked.keep)
    else:
        sys.exit(int(fuzz(asked.files, asked.seed, asked.keep) > 0))


if __name__ == "__main__":
    main()
