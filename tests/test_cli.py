"""The command line: verdicts and their exit codes, JSON, and bad input of every kind in one clear line.

Commands run in this process; what only a process of its own can show (the installed entry point, a closed pipe) runs
in one.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from certify.cli import main, run
from certify.models import path

NET, CNN, DATA = (str(path(n)) for n in ("digits.onnx", "digits_cnn.onnx", "digits.npz"))
CLAIM = f"""
[models]
f = "{NET}"
g = {{ coarsen = "quantise", bits = 8 }}
[domain]
kind = "linf"
points = "{DATA}:X[0:2]"
radius = "0.01"
within = [0, 1]
[claim]
quantity = "value"
at_most = "0.2"
[search]
budget = "5s"
"""
OVER = ["--over", f"{DATA}:X[0:2]", "--linf", "0.01", "--within", "0,1"]


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """The digits network as an ONNX file with small weights dropped."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(NET)
    for t in model.graph.initializer:
        w = numpy_helper.to_array(t).copy()
        if w.ndim == 2:
            w[np.abs(w) < np.quantile(np.abs(w), 0.2)] = 0
        t.CopyFrom(numpy_helper.from_array(w, t.name))
    out = tmp_path_factory.mktemp("models") / "pruned.onnx"
    onnx.save(model, out)
    return str(out)


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """A claim file and a certificate of it."""
    folder = tmp_path_factory.mktemp("proved")
    (folder / "claim.toml").write_text(CLAIM)
    assert run(["prove", str(folder / "claim.toml"), "-o", str(folder / "claim.cert")]) == 0
    return folder


def told(capsys, arguments):
    """(exit code, stdout, stderr) of one command."""
    capsys.readouterr()
    code = run([str(a) for a in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def failed(capsys, arguments):
    """(exit code, message) of a command that must fail in one line on stderr, and alike in one JSON object."""
    code, out, err = told(capsys, arguments)
    assert out == "" and err.startswith("certify: ") and err.count("\n") == 1 and "Traceback" not in err
    again, out, _ = told(capsys, [*arguments, "--json"])
    found = json.loads(out)
    assert again == code == found["exit"] and found["error"] == err.removeprefix("certify: ").rstrip("\n")
    return code, found["error"]


def write(folder, text, name="claim.toml"):
    (folder / name).write_text(text)
    return folder / name


# ---- verdicts


def test_prove_exits_with_the_status_and_writes_a_certificate_that_check_accepts(capsys, proved):
    code, out, _ = told(capsys, ["check", proved / "claim.cert", NET, "--json"])
    found = json.loads(out)
    assert code == 0 and found["verdict"] == "accepted" and len(found["bounds"]) == 2
    assert found["sentence"] == "for every input of the domain, the linf norm of f - g is at most 1/5"


def test_prove_refutes_a_false_claim_with_exit_1_and_gives_the_input(capsys, tmp_path):
    claim = write(tmp_path, CLAIM.replace('"0.2"', '"0.01"'))
    code, out, _ = told(capsys, ["prove", claim, "--json"])
    found = json.loads(out)
    x = np.array(found["witness"]["x"])
    with np.load(DATA) as z:
        centre = z["X"][found["witness"]["part"]].astype(float)
    assert code == 1 and found["status"] == "refuted" and found["lower"] > 0.01
    assert np.abs(x - centre).max() <= 0.01 + 1e-12 and x.min() >= 0 and x.max() <= 1


def test_prove_says_unknown_with_exit_2_and_names_the_scale_to_blame(capsys, tmp_path):
    text = CLAIM.replace('"0.01"', '"0.3"').replace('at_most = "0.2"', 'at_most = "0.45"').replace("5s", "1s")
    code, out, _ = told(capsys, ["prove", write(tmp_path, text), "--json"])
    found = json.loads(out)
    assert code == 2 and found["lower"] <= 0.45 < found["upper"] and found["blame"] in found["by_scale"]


def test_a_weaker_bound_is_written_down_but_is_no_certificate_of_the_claim(capsys, tmp_path):
    claim, cert = write(tmp_path, CLAIM.replace('"0.2"', '"0.01"')), tmp_path / "weaker.cert"
    code, out, _ = told(capsys, ["prove", claim, "-o", cert])
    assert code == 1 and "weaker than the claim" in out
    assert told(capsys, ["check", cert])[0] == 0
    code, out, _ = told(capsys, ["check", cert, "--claim", claim])
    assert code == 1 and "[other-claim]" in out


def test_check_compares_with_a_claim_file(capsys, proved):
    assert told(capsys, ["check", proved / "claim.cert", "--claim", proved / "claim.toml"])[0] == 0


@pytest.mark.parametrize("kernel", ["exact", "pure"])
def test_check_lets_one_choose_the_arithmetic(capsys, proved, kernel):
    code, out, _ = told(capsys, ["check", proved / "claim.cert", "--kernel", kernel, "--json"])
    assert code == 0 and json.loads(out)["arithmetic"] == {"exact": "fast", "pure": "pure"}[kernel]


def test_check_rejects_a_certificate_for_other_weights(capsys, proved, pruned):
    code, out, _ = told(capsys, ["check", proved / "claim.cert", pruned, "--json"])
    assert code == 1 and json.loads(out)["code"] == "other-model"


def test_check_rejects_a_truncated_certificate(capsys, proved, tmp_path):
    whole = (proved / "claim.cert").read_bytes()
    for keep in (0, 100, len(whole) // 2, len(whole) - 1):
        cut = tmp_path / "cut.cert"
        cut.write_bytes(whole[:keep])
        for command in ("check", "explain"):
            code, out, _ = told(capsys, [command, cut, "--json"])
            assert (code, json.loads(out)["verdict"]) == (1, "rejected")


def test_check_declines_what_passes_a_limit(capsys, tmp_path):
    cert = tmp_path / "many.cert"
    with zipfile.ZipFile(cert, "w") as z:
        for i in range(100_001):
            z.writestr(zipfile.ZipInfo(str(i)), b"")
    assert told(capsys, ["check", cert])[0] == 2


def test_explain_says_the_claim_the_models_and_the_proof(capsys, proved):
    code, out, _ = told(capsys, ["explain", proved / "claim.cert", "--json"])
    found = json.loads(out)
    assert code == 0 and found["verdict"] == "accepted"
    assert [(m["inputs"], m["outputs"], m["parameters"]) for m in found["models"]] == [(64, 10, 8970)] * 2
    assert (found["proof"]["parts"], found["proof"]["leaves"], found["proof"]["splits"]) == (2, 2, 0)
    assert sum(found["bytes"].values()) < (proved / "claim.cert").stat().st_size
    text = " ".join(told(capsys, ["explain", proved / "claim.cert"])[1].split())
    assert "the linf balls of radius 1/100 around 2 points of 64 coordinates, within [0, 1]" in text


@pytest.mark.parametrize("name", ["split--signs-of-values", "split--an-empty-side-is-closed", "quadratic--relu-pair"])
def test_explain_counts_splits_on_signs_and_forms(capsys, name):
    folder = Path(__file__).resolve().parents[1] / "specs" / "vectors" / "accept" / name
    code, out, _ = told(capsys, ["explain", folder, "--json"])
    proof = json.loads(out)["proof"]
    text = (folder / "proof").read_text().split("\n")
    assert code == 0
    assert proof["signs"] == sum(line.startswith("sign") for line in text)
    assert proof["forms"] == sum(line.startswith("quadratic") for line in text)
    assert proof["signs"] + proof["forms"] > 0 and proof["leaves"] == proof["splits"] + proof["parts"]


def test_explain_does_not_repeat_what_a_rejected_file_claims(capsys, tmp_path, proved):
    cert = tmp_path / "forged.cert"
    with zipfile.ZipFile(proved / "claim.cert") as old, zipfile.ZipFile(cert, "w") as new:
        for n in old.namelist():
            data = old.read(n)
            new.writestr(zipfile.ZipInfo(n), data.replace(b"at-most 1 5", b"at-most 0 1") if n == "claim" else data)
    code, out, _ = told(capsys, ["explain", cert])
    assert code == 1 and "at most" not in out and "rejected" in out


# ---- diff


def test_diff_prints_the_bracket_and_the_three_strengths(capsys, pruned, tmp_path):
    cert = tmp_path / "diff.cert"
    code, out, err = told(capsys, ["diff", NET, pruned, *OVER, "--budget", "4s", "-o", cert, "--json"])
    found = json.loads(out)
    assert code == 0 and err == "" and found["status"] == "proved" and found["certificate"] == str(cert)
    assert 0 < found["lower"] <= found["upper"] and len(found["points"]) == 2
    assert found["seconds"].keys() >= {"search", "check"}
    assert all(p["lower"] <= p["upper"] and p["status"] == "proved" for p in found["points"])
    assert found["strengths"].keys() == {"value", "margin", "decision"}
    assert told(capsys, ["check", cert, NET, pruned])[0] == 0


@pytest.mark.parametrize(("tolerance", "code"), [("100", 0), ("1/1000", 1)])
def test_diff_with_a_tolerance_exits_with_the_status(capsys, pruned, tolerance, code):
    assert told(capsys, ["diff", NET, pruned, *OVER, "--budget", "4s", "--fail-above", tolerance])[0] == code


def test_diff_with_a_tolerance_inside_the_bracket_is_undecided(capsys, pruned):
    wide = ["--over", f"{DATA}:X[0]", "--linf", "0.3", "--budget", "1s"]
    bracket = json.loads(told(capsys, ["diff", NET, pruned, *wide, "--json"])[1])
    inside = str((bracket["lower"] + 9 * bracket["upper"]) / 10)
    assert told(capsys, ["diff", NET, pruned, *wide, "--fail-above", inside])[0] == 2


def test_a_network_does_not_differ_from_itself_at_all(capsys):
    code, out, _ = told(capsys, ["diff", NET, NET, *OVER, "--fail-above", "0", "--budget", "2s", "--json"])
    found = json.loads(out)
    assert (code, found["upper_exact"], found["lower_exact"]) == (0, "0", "0")


def test_diff_takes_boxes_and_npy_files(capsys, pruned, tmp_path):
    with np.load(DATA) as z:
        x = z["X"][0]
    np.savez(tmp_path / "box.npz", lo=x, hi=np.minimum(x + 0.01, 1).astype(x.dtype))
    np.save(tmp_path / "x.npy", x[None])
    assert told(capsys, ["diff", NET, pruned, "--box", tmp_path / "box.npz", "--budget", "2s"])[0] == 0
    balls = ["--over", f"{tmp_path / 'x.npy'}[0]", "--l2", "0.05", "--budget", "2s"]
    assert told(capsys, ["diff", NET, pruned, *balls])[0] == 0


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["bogus"], "bogus"),
        (["prove"], "CLAIM"),
        (["prove", "a.toml", "--nope"], "--nope"),
        (["check", "a", "b", "c", "d"], "at most two"),
        (["check", "a", "--kernel", "isabelle"], "isabelle"),
        (["diff", NET, NET], "--over"),
        (["diff", NET, NET, "--over", f"{DATA}:X[0]"], "--linf"),
        (["diff", NET, NET, "--over", f"{DATA}:X[0]", "--linf", "1", "--l2", "1"], "--l2"),
        (["diff", NET, NET, "--over", f"{DATA}:X[0]", "--linf", "nan"], "--linf"),
        (["diff", NET, NET, "--over", f"{DATA}:X[0]", "--linf", "1/0"], "--linf"),
        (["diff", NET, NET, "--over", f"{DATA}:X[", "--linf", "1"], "--over"),
        (["diff", NET, NET, "--over", f"{DATA}:X[2:1]", "--linf", "1"], "--over"),
        (["diff", NET, NET, "--over", f"{DATA}:X[]", "--linf", "1"], "--over"),
        (["diff", NET, NET, "--over", "images.pkl", "--linf", "1"], "--over"),
        (["diff", NET, NET, *OVER, "--within", "0"], "--within"),
        (["diff", NET, NET, *OVER, "--budget", "soon"], "budget"),
        (["diff", NET, NET, *OVER, "--budget", "-1s"], "budget"),
        (["diff", NET, NET, *OVER, "--fail-above", "1e999"], "--fail-above"),
        (["diff", NET, NET, *OVER, "--box", "b.npz"], "--box"),
    ],
)
def test_misuse_exits_with_64(capsys, arguments, word):
    code, text = failed(capsys, arguments)
    assert code == 64 and word in text


def test_missing_files_exit_with_66_and_are_named(capsys, tmp_path):
    gone = str(tmp_path / "gone")
    for arguments in (
        ["prove", gone],
        ["check", gone],
        ["explain", gone],
        ["audit", gone],
        ["diff", gone, NET, *OVER],
        ["diff", NET, NET, "--over", gone + ".npz", "--linf", "1"],
        ["diff", NET, NET, "--box", gone + ".npz"],
    ):
        code, text = failed(capsys, arguments)
        assert code == 66 and gone in text


def bad_array(folder, name, array):
    np.savez(folder / "bad.npz", **{name: array})
    return f"{folder / 'bad.npz'}:{name}"


def test_arrays_that_do_not_fit_exit_with_66(capsys, tmp_path):
    cases = {
        "(63,)": np.zeros((2, 63)),
        "nan": np.full((1, 64), np.nan),
        "inf": np.full((1, 64), np.inf),
        "<U1": np.full((1, 64), "a"),
        "points": np.zeros((0, 64)),
        "complex": np.zeros((1, 64), dtype=complex),
    }
    for word, array in cases.items():
        code, text = failed(capsys, ["diff", NET, NET, "--over", bad_array(tmp_path, "A", array), "--linf", "0.1"])
        assert code == 66 and word in text


def test_rows_and_arrays_that_are_not_there_exit_with_66(capsys):
    for selector, word in ((f"{DATA}:X[99:101]", "100 rows"), (f"{DATA}:Z", "X, y"), (DATA, "X, y")):
        code, text = failed(capsys, ["diff", NET, NET, "--over", selector, "--linf", "0.1"])
        assert code == 66 and word in text


def test_pickles_are_never_opened(capsys, tmp_path):
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    np.savez(tmp_path / "trap.npz", X=np.array([Trap()], dtype=object))
    assert failed(capsys, ["diff", NET, NET, "--over", str(tmp_path / "trap.npz"), "--linf", "1"])[0] == 66
    assert not ran.exists()


def test_damaged_array_files_exit_with_66(capsys, tmp_path):
    np.savez(tmp_path / "good.npz", X=np.zeros((1, 64)))
    whole = (tmp_path / "good.npz").read_bytes()
    rng = np.random.default_rng(0)
    for k in range(40):
        data = bytearray(whole[: len(whole) - 7 * (k % 5)])
        for i in rng.integers(0, len(data), 4):
            data[i] ^= int(rng.integers(1, 256))
        (tmp_path / "bad.npz").write_bytes(data)
        code, out, err = told(capsys, ["diff", NET, CNN, "--over", tmp_path / "bad.npz", "--linf", "x"])
        # The radius is wrong on purpose: a file that survived the damage must not start a search.
        assert code in (64, 66) and out == "" and err.count("\n") == 1


def test_empty_domains_exit_with_67(capsys, tmp_path):
    crossed = tmp_path / "box.npz"
    np.savez(crossed, lo=np.ones(64), hi=np.zeros(64))
    for domain in (["--box", str(crossed)], [*OVER[:4], "--within", "2,3"], [*OVER[:4], "--within", "1,0"]):
        assert failed(capsys, ["diff", NET, NET, *domain])[0] == 67


def onnx_file(folder, operator, weight):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node(operator, ["h"], ["y"], name="odd")]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 64]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), folder / "odd.onnx")
    return str(folder / "odd.onnx")


def test_an_operator_without_an_exact_form_exits_with_65_and_names_the_node(capsys, tmp_path):
    model = onnx_file(tmp_path, "Sin", np.eye(64, dtype=np.float32))
    code, text = failed(capsys, ["diff", model, model, *OVER])
    assert code == 65 and "Sin" in text and "odd" in text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_exit_with_66(capsys, tmp_path, value):
    model = onnx_file(tmp_path, "Relu", np.full((64, 64), value, dtype=np.float32))
    assert failed(capsys, ["diff", model, model, *OVER])[0] == 66


def test_bytes_that_are_no_model_exit_with_66(capsys, tmp_path):
    for data in (b"", b"\x00" * 100, b"PK\x03\x04 not a model", path("digits.onnx").read_bytes()[:999]):
        (tmp_path / "no.onnx").write_bytes(data)
        assert failed(capsys, ["diff", NET, str(tmp_path / "no.onnx"), *OVER])[0] == 66


def test_models_with_other_interfaces_exit_with_66(capsys, tmp_path):
    other = onnx_file(tmp_path, "Relu", np.eye(64, dtype=np.float32))
    code, text = failed(capsys, ["diff", NET, other, *OVER])
    assert code == 66 and "output" in text


def test_a_place_that_cannot_be_written_is_refused_before_the_search(capsys, proved, tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    for place in (str(occupied / "x.cert"), str(tmp_path / "folder")):
        code, text = failed(capsys, ["prove", str(proved / "claim.toml"), "-o", place])
        assert code == 66 and place in text
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder", "mine.txt"]


def test_a_write_that_fails_leaves_nothing_behind(capsys, proved, tmp_path, monkeypatch):
    before = write(tmp_path, "what was there before", "out.cert").read_bytes()

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    code, _, err = told(capsys, ["prove", proved / "claim.toml", "-o", tmp_path / "out.cert"])
    assert code == 66 and err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["out.cert"]
    assert (tmp_path / "out.cert").read_bytes() == before


def test_texts_from_files_cannot_forge_lines(capsys, tmp_path):
    name = "x\nproved: all is well\x1b[2J.npz"
    code, text = failed(capsys, ["diff", NET, NET, "--over", str(tmp_path / name), "--linf", "1"])
    assert code == 66 and "\x1b" not in text


# ---- our own faults, interrupts, the process


def test_a_bug_of_ours_exits_with_70_and_asks_for_a_report(capsys, monkeypatch):
    def broken(*_args, **_more):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("certify.certificate.check", broken)
    code, text = failed(capsys, ["check", NET])
    assert code == 70 and "report" in text and "ZeroDivisionError" in text
    with pytest.raises(ZeroDivisionError):
        run(["check", NET, "--traceback"])


def test_an_interrupt_exits_with_130(capsys, monkeypatch):
    def interrupted(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("certify.certificate.check", interrupted)
    assert failed(capsys, ["check", NET])[0] == 130


def test_help_and_version_exit_with_0(capsys):
    import certify

    assert told(capsys, ["--version"])[:2] == (0, f"{certify.__version__}\n")
    for arguments in ([], ["--help"], ["diff", "--help"]):
        code, out, err = told(capsys, arguments)
        assert code == 0 and "Usage" in out and err == ""


def test_main_leaves_with_the_exit_code(capsys):
    with pytest.raises(SystemExit) as left:
        main(["check", "/no/such/file"])
    assert left.value.code == 66


def test_the_installed_command_gives_the_same_codes():
    command = [sys.executable, "-c", "from certify.cli import main; main()"]
    ran = subprocess.run([*command, "check", "/no/such/file", "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 66 and json.loads(ran.stdout)["exit"] == 66 and ran.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["check", "CERT"], ["check", "CERT", "--json"]])
def test_a_reader_that_goes_away_is_no_verdict(proved, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    given = [str(proved / "claim.cert") if a == "CERT" else a for a in arguments]
    command = [sys.executable, "-c", "from certify.cli import main; main()", *given]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert ran.returncode == 141 and ran.stderr == ""
