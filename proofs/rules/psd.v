(** Rule *psd*: a lower bound of a quadratic form over z = (1, t), |t_i| <= 1.

    R = form - L L' and 2 |z_i z_j| <= z_i^2 + z_j^2; any L will do. Spec: rules.md#psd. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors.
From Certify.rules Require Import matrices.
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

(** ** It is a lower bound *)

Lemma zdot_comm : forall a b, zdot a b = zdot b a.
Proof. induction a as [|x a IH]; intros [|y b]; simpl; rewrite ?IH; lia. Qed.

Lemma zdot_nil_r a : zdot a [] = 0.
Proof. destruct a; reflexivity. Qed.

Lemma nth_products factor l j : nth j (map (zdot l) factor) 0 = zdot l (nth j factor []).
Proof. rewrite <- (zdot_nil_r l) at 1. apply (map_nth (zdot l)). Qed.

Lemma cell_remainder factor : forall rows form i j,
  cell (remainder factor rows form) i j = cell form i j - zdot (nth i rows []) (nth j factor []).
Proof.
  induction rows as [|l rows IH]; intros form i j.
  - replace (nth i [] []) with (@nil Z) by (destruct i; reflexivity). destruct form; simpl; lia.
  - destruct i as [|i]; [|destruct form as [|f form]; simpl remainder; unfold cell; simpl nth].
    + destruct form as [|f form]; simpl remainder; unfold cell; simpl nth; rewrite nth_axpy, nth_products;
        [destruct j; cbn [nth]|]; lia.
    + specialize (IH [] i j). unfold cell in IH. rewrite IH. destruct i; reflexivity.
    + apply (IH form i j).
Qed.

Lemma remainder_symmetric factor form : symmetric form -> symmetric (remainder factor factor form).
Proof. intros S i j. rewrite !cell_remainder, S, zdot_comm. reflexivity. Qed.

Open Scope R_scope.

(** L' z, where L has these rows. *)
Fixpoint add_vectors (a b : list R) : list R :=
  match a, b with
  | x :: a', y :: b' => x + y :: add_vectors a' b'
  | [], _ => b
  | _, [] => a
  end.
Fixpoint combined (rows : list (list Z)) (z : list R) : list R :=
  match rows, z with
  | l :: rows', k :: z' => add_vectors (map (fun x => k * IZR x) l) (combined rows' z')
  | _, _ => []
  end.

Lemma dotR_add_vectors : forall a b c, dotR (add_vectors a b) c = dotR a c + dotR b c.
Proof. induction a as [|x a IH]; intros [|y b] [|z c]; simpl; rewrite ?IH; lra. Qed.

Lemma dotR_comm : forall a b, dotR a b = dotR b a.
Proof. induction a as [|x a IH]; intros [|y b]; simpl; rewrite ?IH; lra. Qed.

Lemma dotR_scaled k l : forall c, dotR (map (fun x => k * IZR x) l) c = k * dot l c.
Proof. induction l as [|x l IH]; intros [|y c]; unfold dot; simpl; try lra. rewrite IH. unfold dot. lra. Qed.

Lemma dotR_square a : 0 <= dotR a a.
Proof. induction a as [|x a IH]; simpl; [lra|]. pose proof (Rle_0_sqr x). unfold Rsqr in *. lra. Qed.

Lemma dot_products l : forall factor z, dot (map (zdot l) factor) z = dot l (combined factor z).
Proof.
  induction factor as [|f factor IH]; intros [|k z]; simpl; rewrite ?dot_nil_r; try (unfold dot; simpl; reflexivity).
  rewrite dot_cons, IH. unfold dot at 2. rewrite dotR_comm, dotR_add_vectors, dotR_scaled.
  rewrite <- dot_IZR. unfold dot. rewrite (dotR_comm (map IZR f)), (dotR_comm (combined factor z)).
  rewrite dotR_comm. lra.
Qed.

Lemma bilinear_remainder factor y : forall rows form x,
  bilinear (remainder factor rows form) x y = bilinear form x y - dotR (combined rows x) (combined factor y).
Proof.
  assert (E : forall l, dot (map (zdot l) factor) y = dotR (map IZR l) (combined factor y)).
  { intros l. apply dot_products. }
  induction rows as [|l rows IH]; intros form x; [destruct form, x; simpl; lra|].
  destruct form as [|f form], x as [|k x]; simpl; try lra;
    rewrite dot_axpy, IH, dotR_add_vectors, dotR_scaled, E; unfold dot; simpl; try lra.
Qed.
