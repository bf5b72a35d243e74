(** *s-procedure*: one quadratic inequality follows from others. Spec: statements.md#s-procedure. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { conclusion : matrix_words; count : nat; premises : matrix_words }.

(** ** What it says *)

Open Scope R_scope.

(** sum_ij V_ij <u_i, u_j> for n vectors of dimension d: u i c is entry c of vector i. *)
Definition gram_form (n d : nat) (v : nat -> nat -> R) (u : nat -> nat -> R) : R :=
  sum n (fun i => sum n (fun j => v i j * sum d (fun c => u i c * u j c))).

(** The premises lie one above the other: entry (i, j) of number k is entry (k n + i, j). *)
Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (conclusion w) in
  forall (d : nat) (u : nat -> nat -> R),
  (forall k, (k < count w)%nat -> 0 <= gram_form n d (fun i j => meaning s (premises w) (k * n + i) j) u) ->
  0 <= gram_form n d (meaning s (conclusion w)) u.

(** ** The check *)

Open Scope Z_scope.

(** sum_k m_k B_k, where the rows are those of blocks of [n], one above the other. *)
Fixpoint combination (n : nat) (weights : list Z) (rows : list (list Z)) : list (list Z) :=
  match weights with
  | [] => []
  | m :: rest => add_rows (map (map (Z.mul m)) (firstn n rows)) (combination n rest (skipn n rows))
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  q <- read_matrix s (conclusion w) ;;
  let n := m_rows q in
  _ <- need "shape" (m_columns q =? n)%nat ;;
  if (count w =? 0)%nat then shown_positive s e q 0
  else
    p <- read_matrix s (premises w) ;;
    _ <- need "shape" ((m_rows p =? count w * n) && (m_columns p =? n))%nat ;;
    m <- hint s e 0 ;;
    _ <- need "shape" ((m_rows m =? 1) && (m_columns m =? count w))%nat ;;
    let weights := concat (m_cells m) in
    _ <- need "negative-multiplier" (forallb (Z.leb 0) weights) ;;
    let total := {| m_rows := n; m_columns := n; m_cells := combination n weights (m_cells p);
                    m_den := m_den m * m_den p |} in
    shown_positive s e (m_sub q total) 1.

Theorem s_procedure_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
