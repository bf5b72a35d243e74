"""The worked claim files in specs/claims end as their authors wrote down, and a directory of them can be audited."""

from __future__ import annotations

from pathlib import Path

import pytest

import certify as ct
from certify.audit import audit
from certify.claim_file import read_claim_file
from certify.errors import BadInput, CertifyError

CLAIMS = Path(__file__).resolve().parents[1] / "specs" / "claims"


@pytest.mark.parametrize("path", sorted(CLAIMS.glob("*.toml")), ids=lambda p: p.stem)
def test_a_worked_claim_ends_as_expected(path):
    file = read_claim_file(path)
    assert file.expect is not None
    assert ct.prove(file.claim, budget="10s").status == file.expect


def test_the_worked_claims_cover_every_quantity_and_kind_of_domain():
    read = [read_claim_file(p).claim.quantity for p in CLAIMS.glob("*.toml")]
    assert {q.kind for q in read} == {"value", "output", "functional", "upper", "margin", "decision"}
    assert {type(q.domain).__name__ for q in read} == {"Box", "Ball", "Points"}


def test_an_audit_has_a_row_for_each_file(tmp_path):
    (tmp_path / "one.toml").write_text(
        (CLAIMS / "refuted.toml").read_text().replace("../../certify", str(CLAIMS.parents[1] / "certify"))
    )
    rows = audit(tmp_path, 5.0)
    assert [r.exit_code for r in rows] == [1]


def test_an_unknown_key_or_a_missing_file_is_one_clear_error(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[models]\nf = 'missing.onnx'\nh = 1\n")
    with pytest.raises(CertifyError):
        read_claim_file(bad)
    with pytest.raises(BadInput):
        read_claim_file(tmp_path / "none.toml")
