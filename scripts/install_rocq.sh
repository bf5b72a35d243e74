#!/bin/sh
# What `make proofs` needs, from Debian's archive: nothing is installed when it is all there, and where it cannot be
# installed this says what to install. Optional: only the second kernel is built with it.
set -eu
packages="coq libcoq-flocq ocaml ocaml-findlib libzarith-ocaml-dev libsha-ocaml-dev make"

present() {
    command -v coqc >/dev/null && command -v ocamlfind >/dev/null && command -v ocamlopt >/dev/null &&
        ocamlfind query zarith sha unix >/dev/null 2>&1 &&
        test -e "$(coqc -where)/user-contrib/Flocq/Core/Core.vo"
}

if present; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    root=""
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo"
else
    echo "make proofs: Rocq, Flocq, OCaml, zarith and sha are not all here. On Debian or Ubuntu, as root:" >&2
    echo "    apt-get install $packages" >&2
    echo "elsewhere, with opam: opam install coq coq-flocq zarith sha ocamlfind" >&2
    exit 1
fi
echo "make proofs: installing $packages"
$root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $packages >/dev/null
present || { echo "make proofs: still not all here; see proofs/Makefile for what is needed" >&2; exit 1; }
