#!/bin/sh
# The peers of the matrix family, in an environment of their own; nothing of the project depends on them.
#   sh tests/benchmarks/matrices/install_peers.sh [DIRECTORY]
where=${1:-${CERTIFY_MATRIX_PEERS:-$HOME/.cache/certify-matrix-peers}}
python3 -m venv "$where"
for package in SumOfSquares certo-math omnibias-sos PEPit stormpy; do
    "$where/bin/pip" install --quiet --disable-pip-version-check "$package" || echo "$package is not available here"
done
echo "peers are in $where"
