"""What can happen to a file of JSON: bytes change, it is cut short, fields go, come twice, or hold something else."""

import json
import random

MARK = "\x01raw "
"""Stands before what JSON data cannot hold, until it is written."""

LARGE = 500_000
"""So many characters at most come of a value that is there many times."""

NUMBERS = [
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e300", "9.9999999e299", "-1e300", "1e308", "1e-400", "-0.0",
    "0", "-1", "1", "2", "0.5", "5", "9223372036854775807", "9223372036854775808", "4611686018427387904",
    "1" + "0" * 400, "7" * 5000, "1e5", "99", "-3.5e-9",
]  # fmt: skip
TEXTS = [
    "", " ", "\ud800", "a\udfffb", "\x00", "\x1b[31mred", "a\nb", "a\r\nb", "a\u2028b", "a::b", "::", "::::", "\ufeff",
    "specs::a", "é" * 300 + "::a::b", "x" * 5000, "../../../etc/passwd::a::b", "/::a", "|", "`", "[bold]", "%s", "{}",
    "supported", "refuted", "undecided", "error", "not applicable", "unlearnt", "share_of_seeds", "median_over_seeds",
    "random units", "refuted: it is exact", "specs/spec_small.py::small::it is exact", "tiny/gru", "tiny/lstm", "0:2",
    "0,1", "<<<<<<< ours", "\U0001f9e0", "best", "of", "units: 3", "units: ٣", "null", "1", "NaN",
]  # fmt: skip


def _raw(text):
    return MARK + text


def _places(told, rng):
    """A list or object somewhere in JSON data, and the name or number of one of its values."""
    while True:
        keys = list(told) if isinstance(told, dict) else list(range(len(told)))
        if not keys:
            return None
        key = rng.choice(keys)
        inner = told[key]
        if not isinstance(inner, (dict, list)) or not inner or rng.random() < 0.2:
            return told, key
        told = inner


def _nested(rng):
    depth = rng.choice([3, 50, 190, 210, 600, 960, 5000, 100_000])
    return _raw(rng.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]))


def _other_type(rng):
    return rng.choice([None, True, False, 0, 1, -1, 0.5, "", "a", [], [None], [1, 2], [None, 3], [2, 1], {}, {"a": 1}])


def _at(change):
    """A mutation of the value at some place of JSON data; of one to three places."""

    def mutated(told, other, rng):
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            place = _places(told, rng)
            if place is not None:
                change(*place, other, rng)
        return told

    return mutated


def _remove(holder, key, other, rng):
    del holder[key]


def _double(holder, key, other, rng):
    if isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[_raw(json.dumps(key))] = holder[key]


def _type(holder, key, other, rng):
    holder[key] = _other_type(rng)


def _number(holder, key, other, rng):
    holder[key] = _raw(rng.choice(NUMBERS))


def _text(holder, key, other, rng):
    holder[key] = rng.choice(TEXTS)


def _rename(holder, key, other, rng):
    if isinstance(holder, dict):
        holder[rng.choice(TEXTS)] = holder.pop(key)
    else:
        rng.shuffle(holder)


def _deep(holder, key, other, rng):
    holder[key] = _nested(rng)


def _empty(holder, key, other, rng):
    holder[key] = type(holder[key])() if isinstance(holder[key], (dict, list, str)) else None


def _exchange(holder, key, other, rng):
    place = _places(other, rng)
    if place is not None:
        holder[key] = place[0][place[1]]


def _same_name(holder, key, other, rng):
    """The value that stands under this name elsewhere."""
    found, todo = [], [other]
    while todo:
        outer = todo.pop()
        for name, inner in outer.items() if isinstance(outer, dict) else enumerate(outer):
            if name == key:
                found.append(inner)
            if isinstance(inner, (dict, list)):
                todo.append(inner)
    if found:
        holder[key] = rng.choice(found)


def _wrong_way(holder, key, other, rng):
    """Two neighbours change places: the ends of an interval, or of a bound."""
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    one, another = rng.choice(keys), key
    holder[one], holder[another] = holder[another], holder[one]


def _many(holder, key, other, rng):
    value, times = holder[key], rng.choice([2, 70, 300])
    if len(json.dumps(value)) * times > LARGE:
        times = 2
    if isinstance(value, list):
        holder[key] = value * times
    elif isinstance(value, dict):
        holder[key] = value | {f"{name} {n}": v for n in range(times) for name, v in value.items()}
    else:
        holder[key] = [value] * times


def _schema(told, other, rng):
    told["schema"] = _raw(rng.choice([*NUMBERS, "1", "2", "3", '"1"', "true", "null", "[1]", "1.0"]))
    return told


OF_DATA = {
    "field removed": _at(_remove), "field doubled": _at(_double), "type changed": _at(_type),
    "number odd": _at(_number), "text odd": _at(_text), "name odd": _at(_rename), "nested": _at(_deep),
    "emptied": _at(_empty), "value of another place": _at(_exchange), "value of the same name": _at(_same_name),
    "neighbours exchanged": _at(_wrong_way), "many times": _at(_many), "schema changed": _schema,
}  # fmt: skip
"""Mutations of JSON data; ``other`` is that of a second file."""


def _flipped(data, other, rng):
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), *b'0123456789-.eE",:[]{}\\'])
    return bytes(changed)


def _cut(data, other, rng):
    return data[: rng.randrange(len(data))]


def _without_a_part(data, other, rng):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 400) :]


def _doubled_part(data, other, rng):
    start, length = rng.randrange(len(data)), rng.randrange(1, 400)
    return data[: start + length] + data[start:]


def _spliced(data, other, rng):
    """Two files; at the ends of lines, half of the time, as a bad merge would."""
    if rng.random() < 0.5:
        return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    ours, theirs = data.splitlines(keepends=True), other.splitlines(keepends=True)
    at = rng.randrange(len(ours))
    marks = rng.choice([(b"", b""), (b"<<<<<<< ours\n", b"=======\n")])
    return b"".join([*ours[:at], marks[0], *theirs[at : at + rng.randrange(1, 20)], marks[1], *ours[at:]])


OF_BYTES = {
    "bytes flipped": _flipped, "cut short": _cut, "part lost": _without_a_part, "part doubled": _doubled_part,
    "two files spliced": _spliced,
}  # fmt: skip

MUTATIONS = [*OF_BYTES, *OF_DATA]


def mutated(kind, data, other, seed):
    """Return a file with something wrong.

    Args:
        kind: one of MUTATIONS.
        data: the file as it should be.
        other: a second one of the same kind.
    """
    rng = random.Random(seed)
    if kind in OF_BYTES:
        return OF_BYTES[kind](data, other, rng)
    told = OF_DATA[kind](json.loads(data), json.loads(other), rng)
    return _written(told, rng)


def _written(told, rng):
    """JSON, and what stands behind a mark as it is."""
    content = json.dumps(told, indent=rng.choice([None, 1]))
    mark = json.dumps(MARK)[1:-1]
    first, *parts = content.split(f'"{mark}')
    for part in parts:
        raw, rest = _string(part)
        first += raw + rest
    return first.encode()


def _string(content):
    """What a JSON string holds whose opening quote is gone, and what follows it."""
    value, end = json.decoder.scanstring(content, 0)
    return value, content[end:]
