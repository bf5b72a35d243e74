(** The checker as an OCaml program, _build/kernel.ml: run from this directory, see the Makefile. *)
From Coq Require Import Extraction.
From Certify Require Import check kinds directives.

Extraction Language OCaml.
Cd "_build".
Extraction "kernel.ml" check.check semantics.parts maps.conv_outputs kinds.judge_statement kinds.signatures.
