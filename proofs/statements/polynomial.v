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
      (equalities w <= length premises)%nat /\
      Forall (natural_exponents s n) (goal :: premises) /\
      forall x : nat -> R, satisfied s n premises (equalities w) x -> 0 <= polynomial_at s n goal x
  end.

(** ** The check *)

Open Scope Z_scope.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  let n := variables w in
  ps <- of_statement s n (polynomials w) ;;
  match ps with
  | [] => Reject "shape"
  | goal :: premises =>
      p <- halves premises (equalities w) ;;
      let '(inequalities, zeros) := p in
      _ <- proved s e n goal inequalities zeros (ev_items e) ;;
      Ok tt
  end.

Theorem polynomial_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  unfold check, holds. intros H. set (n := variables w) in *. ok H. apply of_statement_reads in E.
  destruct a as [|goal premises]; [discriminate|]. inversion E as [|g ? ws ? G F Eq]; subst. clear E.
  ok H. destruct a as [inequalities zeros]. ok H. split; [exact (proj1 (halves_satisfied _ _ _ _ _ _ _ (fun _ => 0%R) F E))|].
  split; [constructor; [apply G | exact (reads_natural _ _ _ _ F)]|].
  intros x S. destruct G as [_ <-]. destruct (halves_satisfied _ _ _ _ _ _ _ x F E) as [_ P]. destruct (P S) as [A B].
  exact (proved_correct _ _ _ _ _ _ _ _ E0 x A B).
Qed.
