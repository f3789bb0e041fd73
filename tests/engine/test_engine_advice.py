"""What the driver adds to the engine's errors."""

from seawall.sandbox.engine import advice

TAKEN = "Namespace/a: Preview failed: Namespace a exists already and was not made by this stack: import it"
PROTECTED = 'Database/b: Preview failed: resource "urn" cannot be deleted\nbecause it is protected. To unprotect …'
GIVEN_UP = "Namespace/c: failed to run remediation: context canceled"


def test_errors_that_follow_from_another_are_left_out() -> None:
    assert advice.causes([GIVEN_UP, TAKEN]) == [TAKEN]
    assert advice.causes([GIVEN_UP]) == [GIVEN_UP], "better than none"


def test_a_protected_resource_leads_to_the_procedure() -> None:
    assert ["unprotect.md" in sentence for sentence in advice.advice([PROTECTED], {})] == [True]


def test_what_another_stack_holds_is_said_with_the_way_out() -> None:
    (sentence,) = advice.advice([TAKEN], {"infra": 118, "sandbox": 0})
    assert "infra (118 resources)" in sentence
    assert "sandbox (" not in sentence
    assert "make down" in sentence
    assert "SEAWALL_STATE" in sentence


def test_nothing_is_said_of_other_errors_or_without_other_stacks() -> None:
    assert not list(advice.advice([TAKEN], {"sandbox": 0}))
    assert not list(advice.advice(["something else"], {"infra": 118}))
