"""The shared field types and the base model, each on its own."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from seawall.components import fields
from seawall.components.base import Problem, Settings, each, rule
from seawall.components.problems import Problem as SameProblem
from seawall.components.problems import show, unknown_key

ACCEPTED: list[tuple[Any, Any]] = [
    (fields.Whole, 0),
    (fields.Whole, "7"),
    (fields.Count, 3.0),
    (fields.Flag, "false"),
    (fields.DnsLabel, "a" * 63),
    (fields.DnsName, "a.b-c.d"),
    (fields.ServiceName, "cache-1"),
    (fields.LabelKey, "app.kubernetes.io/name"),
    (fields.LabelKey, "app"),
    (fields.SecretKey, "tls.crt"),
    (fields.Version, "1.18"),
    (fields.Version, "v1.6.1"),
    (fields.ByteQuantity, "1.5Gi"),
    (fields.ByteQuantity, 1073741824),
    (fields.CpuQuantity, "250m"),
    (fields.CpuQuantity, 2),
    (fields.CpuQuantity, 0.5),
    (fields.Duration, "26h"),
    (fields.CronFive, "0 */6 * * *"),
    (fields.CronFive, "30 2 * * MON-FRI"),
    (fields.Image, "ghcr.io/o/n:v1"),
    (fields.Image, "localhost:5000/n:1"),
    (fields.Image, "ghcr.io/o/n@sha256:" + "a" * 64),
    (fields.Clients, {"this": ["a"], "peer": []}),
    (fields.Clients, {"this": ["default", "kube-apps"]}),
    (fields.Count, "+3"),
    (fields.Count, "3.00"),
    (fields.ByteQuantity, 1073741824.0),
    (fields.ByteQuantity, "7Ei"),
    (fields.CpuQuantity, 0.001),
    (fields.CpuQuantity, "1024"),
    (fields.Duration, "3650d"),
    (fields.LabelKey, "a" * 63),
    (fields.LabelKey, "a" * 253 + "/" + "b" * 63),
    (fields.PodLabelKey, "app.kubernetes.io/name"),
    (fields.PodLabelKey, "k8s-app"),
    (fields.HttpsAddress, "https://docs.example.org:8443/a/b_c.d"),
]

REFUSED: list[tuple[Any, Any]] = [
    (fields.Whole, -1),
    (fields.Whole, True),
    (fields.Count, 0),
    (fields.Count, 2.5),
    (fields.Count, float("nan")),
    (fields.Flag, "on"),
    (fields.Flag, 0),
    (fields.DnsLabel, "-a"),
    (fields.DnsLabel, "a\n"),
    (fields.DnsLabel, "a" * 64),
    (fields.DnsName, "a..b"),
    (fields.ServiceName, "1cache"),
    (fields.LabelKey, "/name"),
    (fields.LabelValue, ""),
    (fields.Text, " padded"),
    (fields.Text, "two\nlines"),
    (fields.Version, "latest"),
    (fields.ByteQuantity, "1GB"),
    (fields.ByteQuantity, "1 Gi"),
    (fields.ByteQuantity, "-1Gi"),
    (fields.ByteQuantity, "1e3"),
    (fields.ByteQuantity, "100"),
    (fields.CpuQuantity, "2 cores"),
    (fields.CpuQuantity, 5000),
    (fields.Duration, "0h"),
    (fields.Duration, "1w"),
    (fields.Duration, "1h30m"),
    (fields.CronFive, "0 0 31 4 *"),
    (fields.CronFive, "* * * * * *"),
    (fields.Image, "ghcr.io/o/n"),
    (fields.Image, "ghcr.io/o/n:latest"),
    (fields.Image, "ghcr.io/O/n:1"),
    (fields.Clients, {"this": []}),
    (fields.Clients, {"": ["a"]}),
    # units and numbers that nobody means
    *(
        (fields.Count, value)
        for value in ("512MB", "3 ", " 3", "1_000", "3.5", "0x10", "1e3", "", "\u0663", "9" * 5000)
    ),
    *((fields.Count, value) for value in (float("inf"), 1e309, 10**4000, -3, "-3", [3], {})),
    *((fields.Flag, value) for value in ("True", "yes", "1", "", None, [], {}, 1.0)),
    *(
        (fields.ByteQuantity, value)
        for value in ("512MB", "2gb", "512mi", "1GiB", "1 Gi", "0x1Gi", "1,5Gi", "NaN", "inf")
    ),
    *((fields.ByteQuantity, value) for value in ("9" * 5000 + "Gi", "9Ei", "8Ei", 2**63, 10**4000, 1e309, True, None)),
    *((fields.ByteQuantity, value) for value in (-(2**30), "\u0665Gi", "1e309", "5000000000m", float("nan"))),
    *((fields.CpuQuantity, value) for value in ("1e3", "-1", "NaN", "2c", "0.0001", "0.5m", "1.0005", 1e-7, 10**4000)),
    *((fields.CpuQuantity, value) for value in ("500M", "500 m", float("nan"), float("inf"), -0.5, "9" * 5000 + "m")),
    *((fields.Duration, value) for value in ("30", "1h30m", "-5m", "1.5h", "10 m", "5M", "1w", "PT5M", "inf", "", 30)),
    *((fields.Duration, value) for value in ("9" * 30 + "s", "3651d", "9" * 5000 + "s", "\u0663m")),
    (fields.CronFive, "* * * * *" + " " * 300),
    (fields.CronFive, "\u0663 * * * *"),
    (fields.Image, "ghcr.io/" + "a" * 600 + ":1"),
    (fields.LabelKey, "a" * 64),
    (fields.LabelKey, "a" * 254 + "/b"),
    *(
        (fields.HttpsAddress, value)
        for value in ("http://a.b", "https://", "https://a/", "https://u:p@a", "https://a?b=c")
    ),
    *(
        (fields.HttpsAddress, value)
        for value in ("https://a b", "https://a#b", "//a", "https://A", "https://a\n", "x" * 2000)
    ),
    *(
        (fields.PodLabelKey, f"{prefix}app")
        for prefix in ("io.cilium.k8s.policy.", "io.kubernetes.pod.", "k8s:", "any:")
    ),
    (fields.PodLabelKey, "reserved:host"),
    *((fields.Clients, {"this": [name]}) for name in ("kube-system", "kube-public", "kube-node-lease")),
    (fields.Clients, {"peer": ["kube-system"]}),
]


@pytest.mark.parametrize(("kind", "value"), ACCEPTED)
def test_accepted(kind: Any, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(value) is not None


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_refused(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


def test_clients_are_sorted_and_empty_clusters_left_out() -> None:
    made = TypeAdapter(fields.Clients).validate_python({"z": ["b", "a"], "this": [], "a": ["c"]})
    assert made == {"a": ("c",), "z": ("a", "b")}
    assert fields.local_clients(made) == ()
    assert fields.remote_clients(made) == made


@given(st.integers(1, 10**6), st.sampled_from(["Ki", "Mi", "Gi", "k", "M", "G", ""]))
def test_quantities_count_bytes(number: int, unit: str) -> None:
    power = {"": 0, "k": 1, "M": 2, "G": 3, "Ki": 1, "Mi": 2, "Gi": 3}[unit]
    assert fields.quantity_bytes(f"{number}{unit}") == number * (1024 if unit.endswith("i") else 1000) ** power


@given(st.integers(1, 10**6))
def test_a_thousand_millicores_are_one_core(number: int) -> None:
    assert fields.quantity_cores(f"{number}m") * 1000 == Decimal(number) == fields.quantity_cores(str(number))


@pytest.mark.parametrize("text", ["24h", "90m", "1s", "744h", "43800h"])
def test_a_time_span_is_written_as_it_is_read(text: str) -> None:
    assert fields.as_duration(fields.duration(text)) == text


def test_durations() -> None:
    assert fields.duration("26h") == timedelta(hours=26)
    assert fields.duration("8d") == timedelta(days=8)


class Inner(Settings):
    low: fields.Count
    high: fields.Count
    note: fields.Text = "none"

    @rule
    def _ordered(self) -> Any:
        if self.low > self.high:
            yield Problem(("low",), f"must be at most high ({self.high})", self.low)


class Outer(Settings):
    most: fields.Count
    inners: dict[str, Inner]

    @rule
    def _bounded(self) -> Any:
        def check(name: str, inner: Inner) -> Any:
            if inner.high > self.most:
                yield Problem(("inners", name, "high"), f"must be at most {self.most}", inner.high)

        yield from each(self.inners, check)


def problems(data: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    inner = caught.value.errors()[0]["ctx"]["error"]
    return {problem.key for problem in inner.problems}


def test_rules_look_at_what_is_right_beside_what_is_wrong() -> None:
    data = {
        "most": 5,
        "typo": 1,
        "inners": {"a": {"low": 3, "high": 2, "note": ""}, "b": {"low": "x", "high": 9}, "c": {"low": 1, "high": 7}},
    }
    assert problems(data) == {"typo", "inners.a.note", "inners.a.low", "inners.b.low", "inners.b.high", "inners.c.high"}


def test_a_rule_that_needs_a_refused_field_is_silent() -> None:
    assert problems({"most": 0, "inners": {"a": {"low": 1, "high": 9}}}) == {"most"}


def test_a_rule_reports_what_it_found_before_it_came_to_a_refused_field() -> None:
    class Pair(Settings):
        left: fields.Count
        right: fields.Count

        @rule
        def _both(self) -> Any:
            if self.left > 1:
                yield Problem(("left",), "must be 1", self.left)
            if self.right > 1:
                yield Problem(("right",), "must be 1", self.right)

    with pytest.raises(ValidationError) as caught:
        Pair.model_validate({"left": 2, "right": "x"})
    found = {str(problem) for problem in caught.value.errors()[0]["ctx"]["error"].problems}
    assert found == {"right = 'x': must be a whole number in digits, without a unit", "left = 2: must be 1"}


def test_a_rule_that_asks_for_a_refused_entry_is_not_told_that_it_was_never_said() -> None:
    class Table(Settings):
        entries: dict[str, fields.Count]
        limits: dict[fields.DnsLabel, Inner]

        @rule
        def _default(self) -> Any:
            yield Problem(("entries", "b"), f"is {self.entries['b']}")
            yield Problem(("entries", "c"), f"is {self.entries.get('c', 1)}")
            yield Problem(("entries", "a"), f"is {self.entries.get('a', 1)}")

        @rule
        def _said(self) -> Any:
            if "a" not in self.entries:
                yield Problem(("entries", "a"), "is missing")

        @rule
        def _names(self) -> Any:
            yield from (Problem(("limits", name), "is used") for name in self.limits)

    with pytest.raises(ValidationError) as caught:
        whole = {"low": 1, "high": 2}
        Table.model_validate(
            {"entries": {"a": "x", "b": 2}, "limits": {"Bad Key": whole, "bad_value": {}, "good": whole}}
        )
    found = {str(problem) for problem in caught.value.errors()[0]["ctx"]["error"].problems}
    assert {it for it in found if it.startswith("entries")} == {
        "entries.a = 'x': must be a whole number in digits, without a unit",
        "entries.b: is 2",
        "entries.c: is 1",
    }
    assert {it for it in found if it.endswith("is used")} == {"limits.good: is used"}


def test_what_is_no_mapping_at_all_leaves_nothing_to_judge() -> None:
    assert problems({"most": {"secure": "x"}, "inners": {}}) == {"most"}
    assert problems({"most": 3, "inners": {"a": 1}}) == {"inners.a"}


def test_a_missing_attribute_that_is_no_field_is_still_an_error() -> None:
    inner = Inner(low=1, high=2)
    with pytest.raises(AttributeError, match="wide"):
        _ = inner.wide


def test_settings_cannot_be_changed() -> None:
    inner = Inner(low=1, high=2)
    with pytest.raises(ValidationError):
        inner.low = 2


def test_a_problem_reads_like_a_key_a_value_and_what_is_allowed() -> None:
    problem = Problem(("a", "b", 0, "c"), "must be 1", 2, "DFLY-OPS-001")
    assert str(problem) == "a.b[0].c = 2: must be 1 [DFLY-OPS-001]"
    assert problem.under("x").key == "x.a.b[0].c"
    assert SameProblem is Problem


@pytest.mark.parametrize(
    ("value", "path", "shown"),
    [
        (3.5, (), "3.5"),
        (True, (), "true"),
        (None, (), "null"),
        ("x", (), "'x'"),
        ("x" * 200, (), "'" + "x" * 62 + "…"),
        ("a\x1b[31mb\n", (), r"'a\x1b[31mb\n'"),
        ("\u202egnp.exe", (), r"'\u202egnp.exe'"),
        (10**4000, (), "(a number of many digits)"),
        (float("nan"), (), "nan"),
        ({"a": 1, "b": 2}, (), "{a, b}"),
        ({"k" * 100: 1}, (), "{" + "k" * 62 + "…"),
        ({"a\n": 1}, (), r"{a\n}"),
        ({str(n): n for n in range(1000)}, (), "{" + ", ".join(map(str, range(19)))[:62] + "…"),
        ({"password=hunter2": 1}, (), "{(not shown)}"),
        ([1, 2], (), "(a list of 2)"),
        ([], (), "[]"),
        ("x", ("auth_secret", "name"), "(not shown)"),
        ("--requirepass=x", ("args", 0), "(not shown)"),
        ("https://u:p@host", (), "(not shown)"),
        ("AKIAIOSFODNN7EXAMPLE", (), "(not shown)"),
    ],
)
def test_values_are_shown_short_and_never_when_they_may_be_secret(value: Any, path: Any, shown: str) -> None:
    assert show(value, path) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("a", "b c"), "a.b c"),
        (("a", ""), 'a.""'),
        (("a\n", "\x1b[31m"), r"a\n.\x1b[31m"),
        (("k" * 100,), "k" * 63 + "…"),
        (("flags", "password=hunter2"), "flags.(not shown)"),
        (("flags", "AKIAIOSFODNN7EXAMPLE"), "flags.(not shown)"),
        (("auth_secret", "password"), "auth_secret.password"),
        (("a", 10**4000), "a[many digits]"),
    ],
)
def test_keys_are_shown_short_and_never_when_they_are_secret(path: Any, shown: str) -> None:
    assert Problem(path, "must be other").key == shown


def test_a_problem_does_not_carry_its_value_into_a_traceback() -> None:
    assert "hunter2" not in repr(Problem(("password",), "must be a path", "hunter2"))
    assert str(Problem(("a",), "names \x1b[31m", "x")) == r"a = 'x': names \x1b[31m"


def test_the_nearest_key_is_named_and_else_all_of_them() -> None:
    assert "did you mean `replicas`?" in unknown_key("replica", ["replicas", "image"])
    assert unknown_key("zz", ["b", "a"]) == "unknown key; known here: a, b"
