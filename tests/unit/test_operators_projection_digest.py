"""The projection of Clusters and Poolers equals a digest of what the real operator made of them, field by field."""

import cnpg_digest
import pytest


@pytest.mark.parametrize("case", cnpg_digest.DIGESTED)
def test_against_the_digest_of_the_real_operators_objects(case: str) -> None:
    real = cnpg_digest.read()[case]
    projected = cnpg_digest.projected(cnpg_digest.given(case))
    told = cnpg_digest.comparison()
    told.objects(case, real, projected)
    assert told.differences == []
    for key, made in projected.items():
        if key[0] == "Secret":
            assert set(made["data"]) == set(real[key]["data"]), key
        if key == ("Role", "pg-barman-cloud"):
            assert made["rules"] == real[key]["rules"]


def test_the_digest_has_every_case_that_it_should() -> None:
    assert tuple(cnpg_digest.read()) == cnpg_digest.DIGESTED
