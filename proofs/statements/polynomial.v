(** *polynomial*: one polynomial inequality follows from others. Spec: statements.md#polynomial. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact polynomials.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { variables : nat; polynomials : list matrix_words; equalities : nat }.

(** ** What it says *)

Open Scope R_scope.

(** The first polynomial is the conclusion, the others are premises; the last [equalities] of them vanish. *)
Definition holds (s : store) (w : words) : Prop :=
  let n := variables w in
  match pairs (polynomials w) with
  | [] => False
  | goal :: premises =>
      let k := (length premises - equalities w)%nat in
      (equalities w <= length premises)%nat /\
      Forall (natural_exponents s n) (goal :: premises) /\
      forall x : nat -> R,
      Forall (fun g => 0 <= polynomial_at s n g x) (firstn k premises) ->
      Forall (fun h => polynomial_at s n h x = 0) (skipn k premises) ->
      0 <= polynomial_at s n goal x
  end.

(** ** The check *)

Open Scope Z_scope.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  let n := variables w in
  ps <- of_statement s n (polynomials w) ;;
  match ps with
  | [] => Reject "shape"
  | goal :: premises =>
      _ <- need "shape" (equalities w <=? length premises)%nat ;;
      let k := (length premises - equalities w)%nat in
      _ <- proved s e n goal (firstn k premises) (skipn k premises) (ev_items e) ;;
      Ok tt
  end.

Theorem polynomial_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
