"""The page and the Markdown: what they hold, that nothing of anybody's files becomes markup, and how large they are."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from report_samples import AT, answer, content, find, gates, open_cache, outcome, platform

from seawall.qa.report import page as pages
from seawall.qa.report.data import to_data
from seawall.qa.report.graph import groups
from seawall.qa.report.markdown import markdown
from seawall.qa.report.page import page
from seawall.qa.report.standings import WHAT_A_RISK_IS, WHAT_COUNTS, verdict

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&lt;"
"""Whatever a label, a name or a message may try."""
TEMPLATE = "{{7*7}}{% raw %}"
"""The same of a template; a folder's door refuses a file with it."""


class Read(HTMLParser):
    """What a browser finds: the elements with their attributes, and the text of each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


@pytest.fixture(scope="module")
def made() -> str:
    return page(content(answers=[answer()]))


def test_the_verdict_comes_first(made: str) -> None:
    main = made[made.index("<main") :]
    assert re.search(r"<h1[^>]*>Neither gate is green\s*</h1>", main)
    sections = re.findall(r'<section id="(\w+)"', main)
    assert sections == [
        "verdict",
        "access",
        "oncall",
        "picture",
        "risks",
        "tests",
        "findings",
        "matrix",
        "databases",
        "decisions",
        "unseen",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("PASS", "WAIVED"), "Both gates are green"),
        (("PASS", "FAIL"), "The gate of PostgreSQL is not green"),
        (("CONCERNS", "PASS"), "The gate of Dragonfly is not green"),
        (("FAIL", "CONCERNS"), "Neither gate is green"),
    ],
)
def test_the_first_line_says_which_gate_is_not_green(words: tuple[str, str], said: str) -> None:
    outcomes = [outcome("dragonfly", gate=words[0]), outcome("cnpg", gate=words[1])]
    assert re.search(rf"<h1[^>]*>{said}\s*</h1>", page(content(platform(1), outcomes=outcomes)))


def test_without_gates_it_says_so() -> None:
    shown = page(content(platform(1), outcomes=[]))
    assert "No gate was evaluated for this report." in shown
    assert 'id="risks"' not in shown


def test_what_to_do_next_is_said_once_for_all_that_it_settles() -> None:
    told = verdict(outcome("cnpg", gate="FAIL"))
    first, second = told.next[:2]
    assert (first.gate, first.mend, len(first.about)) == ("FAIL", "Mend it, then run it again.", 1)
    assert second.mend == "Run it on the real cluster: `seawall verify --context NAME`."
    assert len(second.about) > 5
    assert "Mend it." not in [todo.mend for todo in told.next], "what somebody accepts is not to be done"


def test_everything_that_the_gates_say_is_on_it(made: str) -> None:
    text = " ".join(" ".join(found) for found in Read(made).texts.values())
    for told in gates():
        assert told.status_reason in text
        for known in (*told.tests, *told.risks):
            name = known.test if hasattr(known, "test") else known.risk
            assert f'id="{pages.anchor("test" if hasattr(known, "test") else "risk", name)}"' in made
        assert all(reason.text in text for step in told.steps for reason in step.reasons)
        assert all(aside.why in text for test in told.tests for aside in test.set_aside)
        assert all(name in text for name in told.open_decisions)
    assert "by the platform team" in text
    assert "until 2026-12-31, by platform team: a maintenance window" in text
    assert "no evidence: it has no front matter" in text
    assert "Is it safe to drain worker-1?" in text
    assert "kubectl get pdb -A" in text


def test_findings_have_their_mend_and_waived_ones_stay_visible(tmp_path: Any) -> None:
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text(
        "version: 1\nwaivers:\n  - rule: DFLY-SEC-001\n    resource: {kind: Dragonfly, namespace: shop, name: open}\n"
        "    reason: nobody else is in this cluster\n    approver: platform team\n    expires: 2026-05-01\n"
    )
    found = content([open_cache()], waivers=waivers)
    waived = [it for it in found.findings if it.standing == "waived"]
    assert [it.rule for it in waived] == ["DFLY-SEC-001"]
    for text in (page(found), markdown(found)):
        assert "waived until 2026-05-01 by platform team" in text
        for finding in found.findings:
            assert finding.rule in text
    assert all(finding.mend.split("`")[0][:30] in page(found) for finding in found.findings if "'" not in finding.mend)


def test_it_asks_nobody_for_anything(made: str) -> None:
    found = Read(made)
    for _, attributes in found.elements:
        for name in ("src", "srcset", "action", "data", "poster", "background", "style"):
            assert name not in attributes
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), attributes
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    style = "".join(found.texts["style"])
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(made: str) -> None:
    found = Read(made)
    (policy,) = (it["content"] for it in found.all("meta") if it.get("http-equiv") == "Content-Security-Policy")
    rules = dict(part.split(" ", 1) for part in (policy or "").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    style, script = (re.search(rf"<{tag}>(.*?)</{tag}>", made, re.S) for tag in ("style", "script"))
    for name, part in (("style-src", style), ("script-src", script)):
        assert part is not None
        digest = base64.b64encode(hashlib.sha256(part[1].encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    kinds = [it.get("type") for it in found.all("script")]
    assert kinds == ["application/json", None]


def test_our_scripts_make_no_markup_of_texts() -> None:
    for name in pages.SCRIPTS:
        text = (pages.FOLDER / f"{name}.js").read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "fetch(",
            "//cdn",
        ):
            assert way not in text, f"{name}.js: {way}"


def hostile() -> list[dict[str, Any]]:
    """A platform in which everything that may hold any text holds what is meant to break out."""
    manifests = platform(1)
    cache = find(manifests, "Dragonfly", "cache")
    cache["metadata"]["labels"] = {"app": EVIL}
    cache["metadata"]["annotations"]["note"] = EVIL
    cache["spec"]["image"] = f"example.org/{EVIL}"
    cache["spec"]["args"].append(EVIL)
    policy = find(manifests, "NetworkPolicy", "cache-traffic")
    policy["spec"]["ingress"][0]["from"].append({"podSelector": {"matchLabels": {"role": EVIL}}})
    policy["metadata"]["name"] = f"traffic{EVIL}"
    web = find(manifests, "Deployment", "web")
    web["metadata"]["name"] = EVIL
    find(manifests, "Cluster", "pg")["spec"]["postgresql"]["pg_hba"].insert(0, f'host all "{EVIL}" all trust')
    find(manifests, "Pooler", "t0000-pooler")["metadata"]["name"] = f"pool{EVIL}"
    return manifests


def test_nothing_of_anybodys_files_becomes_markup() -> None:
    tried = content(
        hostile(), outcomes=[outcome("dragonfly", gate="FAIL", text=EVIL + TEMPLATE)], answers=[answer(EVIL)]
    )
    clean = content(platform(1), outcomes=[outcome("dragonfly", gate="FAIL")], answers=[answer()])
    shown = Read(page(replace(tried, source=EVIL, extra={EVIL: EVIL})))
    assert {tag for tag, _ in shown.elements} <= {tag for tag, _ in Read(page(clean)).elements} | {"pre"}
    assert len(shown.all("script")) == 2
    assert not shown.all("img")
    assert not any(name.startswith("on") for _, attributes in shown.elements for name in attributes)
    text = "".join(part for found in shown.texts.values() for part in found)
    assert "alert(2)" in text, "it is shown, as text"
    assert text.count(TEMPLATE) > 5


def test_the_data_is_json_that_ends_no_element() -> None:
    tried = content(hostile(), outcomes=[])
    data = to_data(tried, groups(tried.reach))
    written = pages.embedded(data)
    assert json.loads(written) == data
    assert not set("<>&\u2028\u2029") & set(written)
    assert any("onerror" in text for text in data["texts"])


def test_nothing_becomes_markdown() -> None:
    tried = content(hostile(), outcomes=[outcome("dragonfly", gate="FAIL", text=f"{EVIL} [a](b) @all *b* |x|")])
    text = markdown(tried)
    assert "<script" not in text
    assert "<img" not in text
    assert "[a](b)" not in text
    assert "@all" not in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert len(tables) > 5
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, "a sign in a text makes no column"


def test_control_and_direction_signs_are_written_out() -> None:
    manifests = platform(1)
    policy = find(manifests, "NetworkPolicy", "cache-traffic")
    policy["spec"]["ingress"][0]["from"].append({"podSelector": {"matchLabels": {"role": "a\u202eb\u0007c"}}})
    found = content(manifests, outcomes=[])
    for text in (page(found), markdown(found)):
        assert "\u202e" not in text
        assert "\u0007" not in text
    assert "\\u202e" in page(found)


def test_the_same_input_gives_the_same_bytes_but_for_the_time() -> None:
    first, again = content(), content()
    assert page(first) == page(again)
    assert markdown(first) == markdown(again)
    later = content(at=AT + timedelta(hours=3))
    assert page(later) != page(first)
    assert page(replace(later, at=first.at)) == page(first)


def test_the_order_of_the_files_changes_nothing_of_the_verdict_or_the_short_answer() -> None:
    turned = content(list(reversed(platform())))
    assert turned.verdicts == content().verdicts
    names = {(it.ports, tuple(guest.name for guest in it.guests)) for it in turned.access}
    assert names == {(it.ports, tuple(guest.name for guest in it.guests)) for it in content().access}


def test_links_lead_to_what_is_there(made: str) -> None:
    found = Read(made)
    ids = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for link in found.all("a"):
        assert (link["href"] or "").removeprefix("#") in ids, link
    for use in found.all("use"):
        assert (use["href"] or "").removeprefix("#") in ids, use


def test_an_anchor_holds_no_blank_and_no_sign_that_html_or_links_read() -> None:
    made = pages.anchor("store", f"Dragonfly a b/{EVIL}%20")
    assert re.fullmatch(r"store=[\w/.~:%=-]+", made), made


def caches(number: int) -> list[dict[str, Any]]:
    """The caches of so many tenants, and what isolates them."""
    kinds = ("Dragonfly", "NetworkPolicy")
    return [it for it in platform(number) if it["kind"] in kinds and "cache" in it["metadata"]["name"]]


def test_all_stores_are_in_the_data_and_only_the_first_in_the_page() -> None:
    small, large, larger = (content(caches(number), outcomes=[]) for number in (100, 200, 300))
    read = Read(page(large))
    stores = [it for it in read.all("article") if "data-store" in it]
    assert len(stores) == pages.STORES < len(large.reach.stores)
    assert len(to_data(large, groups(large.reach))["stores"]) == len(large.reach.stores)
    sizes = [len(page(each)) for each in (small, large, larger)]
    assert sizes[2] - sizes[1] < 1.1 * (sizes[1] - sizes[0]), "each tenant more costs the same"


def test_findings_beyond_the_limit_are_counted() -> None:
    found = content([open_cache()], outcomes=[])
    many = replace(found, findings=found.findings[:1] * (pages.FINDINGS + 7))
    shown = page(many)
    assert "7 more findings, none of them worse" in shown
    assert len(re.findall('class="item finding', shown)) == pages.FINDINGS


def test_everything_that_is_to_be_done_is_on_the_page_once(made: str) -> None:
    told = content().verdicts
    assert any(len(it.next) > pages.NEXT for it in told)
    assert made.count('class="settles"') == sum(len(it.next) for it in told)
    assert made.count(f'<ol class="next" start="{pages.NEXT + 1}">') == sum(len(it.next) > pages.NEXT for it in told)


@pytest.mark.parametrize("answers", [[], [answer()]], ids=["from a stack", "from a cluster"])
def test_as_many_are_not_seen_as_are_listed(answers: list[Any]) -> None:
    shown = page(content(answers=answers))
    listed = shown.partition('id="unseen-title"')[2].partition("</section>")[0].count("<li")
    assert f'<a href="#unseen">Not seen <b>{listed}</b></a>' in shown


def test_what_a_decision_names_as_code_is_set_as_code(made: str) -> None:
    assert "said in <code>spec.pdb</code> of the resource" in made
    assert "said in <code>spec.pdb</code> of the resource" in markdown(content())


def test_whoever_has_never_seen_a_gate_is_told_what_counts(made: str) -> None:
    assert made.count(WHAT_COUNTS) == 1
    assert markdown(content()).count(WHAT_COUNTS) == 1
    assert WHAT_COUNTS not in page(content(outcomes=[]))


def test_a_risk_is_not_taken_for_a_fact(made: str) -> None:
    assert made.count(WHAT_A_RISK_IS) == 1
    assert markdown(content()).count(WHAT_A_RISK_IS) == 1


def test_a_command_breaks_between_its_words_alone() -> None:
    assert pages.ticked("Run `seawall gate --sign-with <KEY>`.") == (
        "Run <code>seawall gate <span>--sign-with</span> &lt;KEY&gt;</code>."
    )


def test_what_policies_say_is_not_said_of_the_network(made: str) -> None:
    assert "By the policies all 3 stores can be reached by the applications named here, and by no other." in made


def test_markdown_has_the_same_verdicts_and_bounded_lists() -> None:
    found = content(answers=[answer()])
    text = markdown(found)
    for told in found.verdicts:
        assert f"{told.gate} ({told.score}/100)" in text
    assert "<code>seawall verify --context NAME</code>" in text
    assert "| ✅ | Dragonfly t0000/cache | 6379 | **t0000** |  |" in text
    many = markdown(replace(found, findings=content([open_cache()], outcomes=[]).findings[:1] * 500))
    assert "… 400 more" in many
