#!/usr/bin/env python3
"""Finds the protobuf field numbers of all kinds and writes them to `table.txt`.

    python3 generate.py SCHEMA.json FIXTURES_DIR > table.txt

The fixtures hold one fully populated object of every kind, as JSON and as protobuf. Walking both at
once tells which number carries which field: the values differ nearly everywhere. Where they do not
(two booleans, two lists of the same type), the order in which the JSON was written decides, which is
that of the declaration; the few fields that were declared out of order are listed in OUT_OF_ORDER.

A line is a definition (`~` is short for `io.k8s.api.`, `^` for the package of ObjectMeta), then
`field=number` words. `a=1.2` is a field that JSON shows inline and
protobuf wraps in a message at number 1. A map whose values are wrapped lists has a star behind it.
"""
import base64, datetime, json, os, struct, sys

# Definition, then fields of one type in the order of their numbers.
OUT_OF_ORDER = {
    "io.k8s.api.core.v1.PodSpec": [
        "containers", "initContainers", "hostNetwork", "hostPID", "hostIPC",
        "automountServiceAccountToken", "shareProcessNamespace", "enableServiceLinks",
        "setHostnameAsFQDN", "hostUsers"],
    "io.k8s.api.core.v1.PodStatus": [
        "containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses", "podIPs",
        "hostIPs"],
}

SCALARS = {"quantity", "int-or-string", "time", "microtime", "raw-extension", "fields-v1", "json"}


def varint(b, i):
    value = shift = 0
    while True:
        byte = b[i]
        value |= (byte & 127) << shift
        i, shift = i + 1, shift + 7
        if byte < 128:
            return value, i


def entries(b):
    """[(number, wire type, value)] or None."""
    out, i = [], 0
    try:
        while i < len(b):
            key, i = varint(b, i)
            number, wire = key >> 3, key & 7
            if number == 0:
                return None
            if wire == 0:
                value, i = varint(b, i)
            elif wire == 1:
                value, i = b[i:i + 8], i + 8
            elif wire == 2:
                n, i = varint(b, i)
                value, i = b[i:i + n], i + n
                if len(value) != n:
                    return None
            else:
                return None
            out.append((number, wire, value))
    except IndexError:
        return None
    return out


def signed(v):
    return v - (1 << 64) if v >> 63 else v


def seconds(text):
    t = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return int((t - datetime.datetime(1970, 1, 1)).total_seconds())


def is_time(text):
    return len(text) >= 20 and text[10] == "T" and text[4] == "-"


class Learner:
    def __init__(self, schema):
        self.schema, self.known, self.doubts, self.learnt = schema, {}, set(), []

    def scalar(self, kind, wire, value, want):
        if kind in ("string",):
            return wire == 2 and isinstance(want, str) and value == want.encode()
        if kind == "bytes":
            return wire == 2 and isinstance(want, str) and base64.b64encode(value).decode() == want
        if kind in ("int", "int64"):
            return wire == 0 and type(want) is int and signed(value) == want
        if kind == "number":
            return wire == 1 and not isinstance(want, (str, dict, list)) and struct.unpack("<d", value)[0] == want
        if kind == "bool":
            return wire == 0 and isinstance(want, bool) and value == int(want)
        if wire != 2:
            return False
        got = entries(value)
        if got is None:
            return False
        got = {n: v for n, _, v in got}
        if kind == "quantity":
            return isinstance(want, str) and got.get(1) == want.encode()
        if kind == "int-or-string":
            return (got.get(3) == str(want).encode()) if isinstance(want, str) else got.get(2) == want
        if kind in ("time", "microtime"):
            return isinstance(want, str) and type(got.get(1, 0)) is int and is_time(want) \
                and signed(got.get(1, 0)) == seconds(want)
        if kind in ("raw-extension", "fields-v1", "json"):
            raw = got.get(1, b"null")
            if type(raw) is int:
                return False
            try:
                return json.loads(raw) == want
            except ValueError:
                return False
        raise ValueError(kind)

    def one(self, t, wire, value, want):
        """Whether a single value of type `t` fits."""
        if want is None:
            return wire == 2 and not value
        if t["type"] == "ref":
            target = self.schema[t["ref"]]
            if "scalar" in target:
                return self.scalar(target["scalar"], wire, value, want)
            return wire == 2 and isinstance(want, dict) and self.message(t["ref"], value, want)
        if t["type"] in ("array", "map", "object", "any"):
            return False
        return self.scalar(t["type"], wire, value, want)

    def fits(self, t, group, want):
        """How the values of one number fit the field's JSON: "", "*" for wrapped lists, or None."""
        if t["type"] == "array":
            if not isinstance(want, list) or len(want) != len(group):
                return None
            ok = all(self.one(t["items"], w, v, x) for (w, v), x in zip(group, want))
            return "" if ok else None
        if t["type"] == "map":
            if not isinstance(want, dict) or len(want) != len(group):
                return None
            star = ""
            for w, v in group:
                pair = entries(v) if w == 2 else None
                if not pair or pair[0][0] != 1 or pair[0][1] != 2 or len(pair) > 2:
                    return None
                key = pair[0][2].decode("utf-8", "replace")
                if key not in want:
                    return None
                if len(pair) == 1:
                    continue
                _, w2, v2 = pair[1]
                if t["values"]["type"] == "array":
                    inner = entries(v2) if w2 == 2 else None
                    if inner is None or any(n != 1 for n, _, _ in inner):
                        return None
                    if self.fits(t["values"], [(w3, v3) for _, w3, v3 in inner], want[key]) is None:
                        return None
                    star = "*"
                elif not self.one(t["values"], w2, v2, want[key]):
                    return None
            return star
        if len(group) != 1:
            return None
        return "" if self.one(t, *group[0], want) else None

    def message(self, name, payload, want):
        """Whether a message fits; what it teaches is kept only where all around it fits too."""
        fields = self.schema[name].get("fields") or {}
        before = len(self.learnt)
        found = self.match(name, fields, payload, want)
        if found is not None and all(self.agrees(name, f, p) for f, p in found.items()):
            self.learnt.append((name, found))
            return True
        del self.learnt[before:]
        return False

    def agrees(self, name, field, path):
        known = {f: p.rstrip("*") for f, p in self.known.get(name, {}).items()}
        path = path.rstrip("*")
        return known.get(field, path) == path and all(
            f == field or p != path for f, p in known.items())

    def keep(self):
        for name, found in self.learnt:
            self.known.setdefault(name, {}).update(found)
        self.learnt.clear()

    def match(self, name, fields, payload, want, prefix=""):
        got = entries(payload)
        if got is None:
            return None
        groups = {}
        for number, wire, value in got:
            groups.setdefault(number, []).append((wire, value))
        rest = [f for f in want if f in fields and f not in ("apiVersion", "kind")] \
            if self.top(fields) else [f for f in want if f in fields]
        order = OUT_OF_ORDER.get(name, [])
        rest.sort(key=lambda f: order.index(f) if f in order else -1)
        found, inline = {}, []
        for number, group in sorted(groups.items()):
            before = len(self.learnt)
            fitting = [f for f in rest if f not in found and self.agrees(name, f, f"{prefix}{number}")
                       and self.fits(fields[f], group, want[f]) is not None]
            del self.learnt[before:]
            if not fitting:
                inline.append(number)
                continue
            if len(fitting) > 1:
                self.doubts.add((name, number, tuple(fitting)))
            field = fitting[0]
            found[field] = str(number) + self.fits(fields[field], group, want[field])
        left = [f for f in rest if f not in found and want[f] not in (None, [], {}, "")]
        for number in inline:
            group = groups[number]
            if len(group) != 1 or group[0][0] != 2:
                return None
            inner = self.match(name, {f: fields[f] for f in left}, group[0][1],
                               {f: want[f] for f in left}, f"{prefix}{number}.")
            if inner is None:
                # Empty in JSON: a value that is written though it says nothing.
                if not entries(group[0][1]):
                    continue
                return None
            for field, path in inner.items():
                found[field] = f"{number}.{path}"
                left.remove(field)
        return found if not left or prefix else None

    @staticmethod
    def top(fields):
        return "apiVersion" in fields and "kind" in fields and "metadata" in fields


def main(schema_path, directory):
    schema = json.load(open(schema_path))
    learner = Learner(schema)
    kinds = {}
    for name, definition in schema.items():
        for gvk in definition.get("gvk", []):
            kinds.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
    failed = []
    for file in sorted(os.listdir(directory)):
        if not file.endswith(".json") or "after_roundtrip" in file:
            continue
        want = json.load(open(os.path.join(directory, file)))
        group, _, version = want.get("apiVersion", "").rpartition("/")
        name = kinds.get((group, version, want.get("kind")))
        if name is None or not schema[name].get("fields"):
            continue
        payload = open(os.path.join(directory, file[:-5] + ".pb"), "rb").read()
        raw = next(v for n, _, v in entries(payload[4:]) if n == 2)
        body = {k: v for k, v in want.items() if k not in ("apiVersion", "kind")}
        if learner.message(name, raw, body):
            learner.keep()
        else:
            failed.append(file)
    for name, definition in schema.items():
        fields = definition.get("fields") or {}
        if name.endswith("List") and fields.get("items", {}).get("items", {}).get("ref") in learner.known:
            learner.known.setdefault(name, {"metadata": "1", "items": "2"})
    print("# Generated by generate.py from the recorded schema facts and fixtures; do not edit.")
    for name, numbers in sorted(learner.known.items()):
        if schema[name].get("served", True) and numbers:
            words = sorted(numbers.items(), key=lambda x: [int(p) for p in x[1].rstrip("*").split(".")])
            for sign, prefix in (("^", "io.k8s.apimachinery.pkg.apis.meta.v1."), ("~", "io.k8s.api.")):
                if name.startswith(prefix):
                    name = sign + name[len(prefix):]
            print(name, *(f"{f}={p}" for f, p in words))
    for doubt in sorted(learner.doubts):
        print("doubt", *doubt, file=sys.stderr)
    print("failed", failed, file=sys.stderr)


main(*sys.argv[1:])
