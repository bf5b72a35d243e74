(** *stationary*: what every stationary law of a chain gives for the mean of a function. Spec: statements.md#stationary. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { chain : matrix_words; values : matrix_words; low : ratio; high : ratio }.

(** ** What it says *)

Open Scope R_scope.

Definition number (q : ratio) : R := IZR (fst q) / IZR (snd q).

(** A law on n states. *)
Definition law (n : nat) (mu : nat -> R) : Prop := (forall i, (i < n)%nat -> 0 <= mu i) /\ sum n mu = 1.

(** Every row is one. *)
Definition stochastic (n : nat) (p : nat -> nat -> R) : Prop := forall i, (i < n)%nat -> law n (p i).

(** mu P: the law one step later. *)
Definition moved (n : nat) (p : nat -> nat -> R) (mu : nat -> R) (j : nat) : R := sum n (fun i => mu i * p i j).

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (chain w) in
  let p := meaning s (chain w) in
  stochastic n p /\
  forall mu, law n mu -> (forall j, (j < n)%nat -> moved n p mu j = mu j) ->
  number (low w) <= sum n (fun i => mu i * meaning s (values w) 0 i) <= number (high w).

(** ** The check *)

Open Scope Z_scope.

(** A square matrix whose rows are laws. *)
Definition laws (m : matrix) : result unit :=
  _ <- need "shape" (m_columns m =? m_rows m)%nat ;;
  need "not-stochastic" (forallb (fun r => forallb (Z.leb 0) r && (total r =? m_den m)) (m_cells m)).

(** f + (P - I) h, as one column. *)
Definition drift (p f h : matrix) : matrix :=
  m_sub (m_add (m_transpose f) (m_mul p (m_transpose h))) (m_transpose h).

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  _ <- need "denominator" ((0 <? snd (low w)) && (0 <? snd (high w))) ;;
  p <- read_matrix s (chain w) ;;
  f <- read_matrix s (values w) ;;
  _ <- laws p ;;
  let row m := ((m_rows m =? 1) && (m_columns m =? m_rows p))%nat in
  _ <- need "shape" (row f) ;;
  g <- hint s e 0 ;;
  _ <- need "shape" (row g) ;;
  h <- hint s e 1 ;;
  _ <- need "shape" (row h) ;;
  let least := drift p f g in
  let most := drift p f h in
  _ <- need "not-below" (forallb (forallb (fun v => fst (low w) * m_den least <=? v * snd (low w))) (m_cells least)) ;;
  need "not-below" (forallb (forallb (fun v => v * snd (high w) <=? fst (high w) * m_den most)) (m_cells most)).

Theorem stationary_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
