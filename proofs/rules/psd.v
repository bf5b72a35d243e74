(** Rule *psd*: a lower bound of a quadratic form over z = (1, t), |t_i| <= 1.

    R = form - L L' and 2 |z_i z_j| <= z_i^2 + z_j^2; any L will do. Spec: rules.md#psd. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors.
Import ListNotations.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** form - L L', row by row, to the end of the longer one; entry (i, j) of L L' is the product of rows i and j of L. *)
Fixpoint remainder (factor rows form : list (list Z)) : list (list Z) :=
  match rows, form with
  | l :: rows', f :: form' => axpy (-1) (map (zdot l) factor) f :: remainder factor rows' form'
  | l :: rows', [] => axpy (-1) (map (zdot l) factor) [] :: remainder factor rows' []
  | [], _ => form
  end.

Definition total (l : list Z) : Z := fold_right Z.add 0 l.

(** Diagonal entries less the sizes of the others in their rows, from row [i] on. *)
Fixpoint margins (i : nat) (rows : list (list Z)) : list Z :=
  match rows with
  | [] => []
  | r :: rows' => (let d := nth i r 0 in d - (total (map Z.abs r) - Z.abs d)) :: margins (S i) rows'
  end.

Definition lower_bound (form factor_rows : list (list Z)) : Z :=
  match margins 0 (remainder factor_rows factor_rows form) with
  | [] => 0
  | m :: rest => m + total (map negpart rest)
  end.
