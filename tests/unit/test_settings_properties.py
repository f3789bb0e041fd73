"""Whatever stands anywhere in a stack file: settings, or one `SettingsError` that is readable and shows no secret."""

from collections.abc import Iterator
from typing import Any, Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stack_samples import changed

from seawall.components.settings import SettingsError, load

TOKEN: Final = "hunter2-correct-horse"
"""A double of a secret; a message that holds it has shown one."""
SECRETS: Final = (
    f"password={TOKEN}",
    f"postgres://harbor:{TOKEN}@db.example.org/harbor",
    f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\n-----END PRIVATE KEY-----",
    f"AKIAIOSFODNN7EXAMPLE {TOKEN}",
)
LONGEST_PROBLEM: Final = 1200

Path = tuple[Any, ...]


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a configuration, the new keys and items that may be added included."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
        yield (*path, "surprise")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*path, index))
        yield (*path, len(value))


PLACES: Final = {
    stack: [path for path in _places(changed(stack=stack)) if path and str(path[0]).startswith("seawall:")]
    for stack in ("infra", "sandbox")
}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 3, 10**30, 10**4000, -(2**63)]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "*", "3", "-3", "1e309", "NaN", "512MB", "@daily", "0 0 30 2 *", "* * * * * * *", "9" * 5000]),
    st.sampled_from(
        ["x" * 20_000, "\x1b[31m", "\ud800", "a\nb", "{app}", "{", "{0}", "{app.x}", "%s", "this", "infra"]
    ),
)
KEYS = st.one_of(st.text(max_size=12), st.sampled_from(["this", "apps", "secure", "x" * 5000, "\x1b[31m", "[key]"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.dictionaries(st.one_of(st.integers(), st.none(), st.booleans(), KEYS), inner, max_size=2),
    ),
    max_leaves=6,
)


def placed(stack: str, *what: tuple[Path, Any]) -> dict[str, Any]:
    """The stack's configuration with values put into places; a place that an earlier value took away is left out."""
    config = changed(stack=stack)
    for path, value in what:
        place: Any = config
        try:
            for key in path[:-1]:
                place = place[key]
            if isinstance(place, list) and path[-1] == len(place):
                place.append(value)
            else:
                place[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    return config


def text_of(config: dict[str, Any]) -> str:
    """What loading says: nothing, or the text of the one kind of error that it may raise."""
    try:
        load(config)
    except SettingsError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1 + len(error.problems), "a problem takes more than its line"
        assert all(line.isprintable() and len(line) < LONGEST_PROBLEM for line in lines), max(lines, key=len)
        assert "Traceback" not in str(error)
        assert ".[key]" not in str(error) or "[key]" in repr(config), "pydantic's own mark of a key"
        assert error.__cause__ is None
        return str(error) + repr(error) + repr(error.problems)
    return ""


def anywhere(stack: str) -> st.SearchStrategy[Path]:
    return st.sampled_from(PLACES[stack])


QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(st.data(), st.sampled_from(["infra", "sandbox"]))
def test_anything_anywhere_is_settings_or_a_settings_error(data: st.DataObject, stack: str) -> None:
    what = data.draw(st.lists(st.tuples(anywhere(stack), VALUES), min_size=1, max_size=3))
    text_of(placed(stack, *what))


@QUIET
@given(st.data(), st.sampled_from(SECRETS), st.sampled_from(["value", "item", "key", "inner"]))
def test_a_secret_is_never_shown_wherever_it_was_planted(data: st.DataObject, secret: str, how: str) -> None:
    value: Any = {"value": secret, "item": [secret], "key": {secret: 1}, "inner": {"a": [{"b": secret}]}}[how]
    place = data.draw(anywhere("infra"))
    more = data.draw(st.lists(st.tuples(anywhere("infra"), SCALARS), max_size=1))
    text = text_of(placed("infra", (place, value), *more))
    assert TOKEN not in text
    assert "AKIAIOSFODNN7EXAMPLE" not in text


@QUIET
@example(("seawall:dragonfly", "clusters", "dragonfly"), "password", TOKEN)
@example(("seawall:dragonfly", "clusters", "dragonfly", "clients"), "password", [TOKEN, TOKEN])
@given(
    st.sampled_from([path[:-1] for path in PLACES["infra"] if path[-1] == "surprise"]),
    st.sampled_from(
        ["password", "requirepass", "secret", "token", "api_key", "auth", "private_key", "aws_credentials"]
    ),
    st.one_of(st.just(TOKEN), st.lists(st.just(TOKEN), min_size=1), st.dictionaries(st.just("x"), st.just(TOKEN))),
)
def test_what_stands_under_the_name_of_a_secret_is_never_shown(path: Path, name: str, value: Any) -> None:
    assert TOKEN not in text_of(placed("infra", ((*path, name), value)))
