(** *super-solution*: a budget that gains and sources cannot pass. Spec: statements.md#super-solution. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { gains : matrix_words; sources : matrix_words; bound : matrix_words; implicit : nat }.

(** ** What it says *)

Open Scope R_scope.

(** G x + b, where x has n entries. *)
Definition step (n : nat) (g : nat -> nat -> R) (b x : nat -> R) (i : nat) : R := sum n (fun j => g i j * x j) + b i.

(** Below, entry by entry. *)
Definition below (n : nat) (x y : nat -> R) : Prop := forall i, (i < n)%nat -> x i <= y i.

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (gains w) in
  let g := meaning s (gains w) in
  let b i := meaning s (sources w) i 0 in
  let most i := meaning s (bound w) i 0 in
  below n b most /\
  (forall x : nat -> nat -> R,
   below n (x 0%nat) most -> (forall k, below n (x (S k)) (step n g b (x k))) -> forall k, below n (x k) most) /\
  (implicit w = 1%nat -> forall x, below n x (step n g b x) -> below n x most).

(** ** The check *)

Open Scope Z_scope.

Definition all_cells (p : Z -> bool) (m : matrix) : bool := forallb (forallb p) (m_cells m).

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  g <- read_matrix s (gains w) ;;
  b <- read_matrix s (sources w) ;;
  most <- read_matrix s (bound w) ;;
  let n := m_rows g in
  let column m := ((m_rows m =? n) && (m_columns m =? 1))%nat in
  _ <- need "implicit" (implicit w <=? 1)%nat ;;
  _ <- need "shape" ((m_columns g =? n)%nat && column b && column most) ;;
  _ <- need "negative" (all_cells (Z.leb 0) g && all_cells (Z.leb 0) b && all_cells (Z.leb 0) most) ;;
  _ <- need "not-above" (all_cells (Z.leb 0) (m_sub (m_sub most (m_mul g most)) b)) ;;
  if (implicit w =? 0)%nat then Ok tt
  else
    v <- hint s e 0 ;;
    _ <- need "shape" (column v) ;;
    need "not-contracting" (all_cells (Z.ltb 0) v && all_cells (Z.ltb 0) (m_sub v (m_mul g v))).

Theorem super_solution_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
