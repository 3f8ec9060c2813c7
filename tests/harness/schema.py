"""JSON schemas, compiled: the keywords of api-fcgi/openapi.yaml, many times quicker than python3-jsonschema, which explains what
is refused here. tests/test_documents.py holds the two against each other."""

import re
from functools import cache

import jsonschema

WITHOUT_MEANING = {"description", "default", "examples", "title"}
FORMATS = jsonschema.FormatChecker()
TYPES = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int or isinstance(value, float) and value.is_integer(),
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _of(kind, check):
    """A keyword that says nothing of other types."""
    is_kind = TYPES[kind]
    return lambda value: check(value) if is_kind(value) else True


def _all_of(checks):
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)

    def check_all(value):
        for check in checks:
            if not check(value):
                return False
        return True

    return check_all


def _same(one, other):
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class Schemas:
    """The schemas of a description, each compiled once to a function that says whether a value is valid."""

    def __init__(self, description):
        self.description = description
        self.refer = cache(self._refer)

    def _refer(self, reference):
        node = self.description
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        compiled = []  # when it is first used: a schema may refer to itself

        def check(value):
            if not compiled:
                compiled.append(self.compile(node))
            return compiled[0](value)

        return check

    def compile(self, schema):
        if isinstance(schema, bool):
            return lambda value: schema
        checks = [getattr(self, f"_{name.removeprefix('$')}")(argument, schema) for name, argument in schema.items()
                  if name not in WITHOUT_MEANING]
        return _all_of(checks)

    def _ref(self, reference, _):
        return self.refer(reference)

    def _type(self, names, _):
        kinds = [TYPES[name] for name in ([names] if isinstance(names, str) else names)]
        return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)

    def _const(self, wanted, _):
        return lambda value: _same(value, wanted)

    def _enum(self, wanted, _):
        return lambda value: any(_same(value, one) for one in wanted)

    def _oneOf(self, schemas, _):
        checks = [self.compile(one) for one in schemas]
        return lambda value: sum(map(bool, (check(value) for check in checks))) == 1

    def _format(self, name, _):
        if name not in FORMATS.checkers:  # no module that knows it is installed
            return lambda value: True
        check, raises = FORMATS.checkers[name]

        def conforms(value):
            try:
                return check(value)
            except raises:
                return False

        return conforms

    def _pattern(self, pattern, _):
        search = re.compile(pattern).search
        return _of("string", lambda value: search(value) is not None)

    def _minLength(self, least, _):
        return _of("string", lambda value: len(value) >= least)

    def _maxLength(self, most, _):
        return _of("string", lambda value: len(value) <= most)

    def _minimum(self, least, _):
        return _of("number", lambda value: value >= least)

    def _maximum(self, most, _):
        return _of("number", lambda value: value <= most)

    def _items(self, schema, _):
        check = self.compile(schema)
        return _of("array", lambda value: all(map(check, value)))

    def _minItems(self, least, _):
        return _of("array", lambda value: len(value) >= least)

    def _maxItems(self, most, _):
        return _of("array", lambda value: len(value) <= most)

    def _required(self, names, _):
        return _of("object", lambda value: all(name in value for name in names))

    def _minProperties(self, least, _):
        return _of("object", lambda value: len(value) >= least)

    def _properties(self, schemas, _):
        return self._members({name: self.compile(schema) for name, schema in schemas.items()}, lambda value: True)

    def _additionalProperties(self, schema, whole):
        return self._members(dict.fromkeys(whole.get("properties", ()), lambda value: True), self.compile(schema))

    @staticmethod
    def _members(checks, others):
        def check(value):
            for name, member in value.items():
                if not checks.get(name, others)(member):
                    return False
            return True

        return _of("object", check)
