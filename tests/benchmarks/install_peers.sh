#!/bin/sh
# The peers of the benchmark run, in an environment of their own; nothing of the project depends on them.
#   sh tests/benchmarks/install_peers.sh [DIRECTORY]
# NNENUM: a copy of nnenum's source, where it is not to be fetched.
# auto_LiRPA is on PyPI in version 0.3, which wants a torch of its time; 1.13.1 is the oldest for Python 3.11 and does.
set -e
where=${1:-${CERTIFY_PEERS:-$HOME/.cache/certify-peers}}
python3 -m venv "$where"
pip="$where/bin/pip --quiet --disable-pip-version-check"
$pip install "torch==1.13.1" "numpy<2" "setuptools<70" scipy appdirs ninja pyyaml packaging pytest
$pip install --no-deps "auto_LiRPA==0.3"
for solver in clarabel scs sdpa-python; do
    $pip install "$solver" "numpy<2" || echo "$solver is not available here"
done
# nnenum (GPL-3.0) is not on PyPI; --no-deps, since it pins older releases than it needs.
$pip install swiglpk "onnx>=1.15" onnxruntime "skl2onnx>=1.16" termcolor threadpoolctl "numpy<2" &&
    $pip install --no-deps "${NNENUM:-nnenum @ git+https://github.com/stanleybak/nnenum}" || echo "nnenum is not available here"
command -v csdp >/dev/null || apt-get install -y -q coinor-csdp || echo "csdp is not available here"
echo "peers are in $where"
