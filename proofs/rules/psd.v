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

(** A row without its entry [i]. *)
Fixpoint without (i : nat) (l : list Z) : list Z :=
  match i, l with
  | O, _ :: t => 0%Z :: t
  | S m, x :: t => x :: without m t
  | _, [] => []
  end.
Fixpoint off_diagonal (i : nat) (rows : list (list Z)) : list (list Z) :=
  match rows with [] => [] | r :: rows' => without i r :: off_diagonal (S i) rows' end.

Lemma dot_without : forall i l v, dot l v = IZR (nth i l 0%Z) * nth i v 0 + dot (without i l) v.
Proof.
  induction i as [|i IH]; intros [|x l] [|z v]; simpl; rewrite ?dot_nil_r, ?dot_cons; try (unfold dot; simpl; lra).
  rewrite (IH l v). lra.
Qed.

Lemma total_without : forall i l, (total (map Z.abs (without i l)) = total (map Z.abs l) - Z.abs (nth i l 0))%Z.
Proof. induction i as [|i IH]; intros [|x l]; simpl; try lia. specialize (IH l). unfold total in *. lia. Qed.

Lemma nth_without : forall i l j, nth j (without i l) 0%Z = if Nat.eqb i j then 0%Z else nth j l 0%Z.
Proof.
  induction i as [|i IH]; intros [|x l] [|j]; simpl; auto. destruct (Nat.eqb i j); reflexivity.
Qed.

Lemma cell_off_diagonal : forall rows i k j,
  cell (off_diagonal i rows) k j = if Nat.eqb (i + k) j then 0%Z else cell rows k j.
Proof.
  induction rows as [|r rows IH]; intros i k j; [rewrite !cell_nil; destruct Nat.eqb; reflexivity|].
  destruct k; unfold cell; simpl.
  - rewrite nth_without, Nat.add_0_r. reflexivity.
  - specialize (IH (S i) k j). unfold cell in IH. rewrite IH. rewrite Nat.add_succ_r. reflexivity.
Qed.

Definition sizes (a : list (list Z)) : list (list Z) := map (map Z.abs) a.

Lemma cell_sizes a i j : cell (sizes a) i j = Z.abs (cell a i j).
Proof.
  unfold cell, sizes. change (@nil Z) with (map Z.abs []). rewrite (map_nth (map Z.abs) a [] i).
  change 0%Z with (Z.abs 0) at 1. apply map_nth.
Qed.

Lemma sizes_symmetric rows : symmetric rows -> symmetric (sizes (off_diagonal 0 rows)).
Proof.
  intros S i j. rewrite !cell_sizes, !cell_off_diagonal, (S i j). simpl. rewrite (Nat.eqb_sym i j). reflexivity.
Qed.

Definition squares (z : list R) : list R := map (fun x => x * x) z.
Definition units (z : list R) : list R := map (fun _ => 1) z.

(** 2 r x y >= - |r| (x^2 + y^2). *)
Lemma twice_product r x y : 0 <= 2 * (IZR r * (x * y)) + IZR (Z.abs r) * (x * x + y * y).
Proof.
  rewrite abs_IZR. unfold Rabs. pose proof (Rle_0_sqr (x + y)) as A. pose proof (Rle_0_sqr (x - y)) as B.
  unfold Rsqr in A, B. destruct (Rcase_abs (IZR r)) as [N | P].
  - assert (0 <= - IZR r * ((x - y) * (x - y))) by (apply Rmult_le_pos; lra). lra.
  - assert (0 <= IZR r * ((x + y) * (x + y))) by (apply Rmult_le_pos; lra). lra.
Qed.

Lemma row_between_squares x : forall r z,
  0 <= 2 * (x * dot r z) + (x * x * dot (map Z.abs r) (units z) + dot (map Z.abs r) (squares z)).
Proof.
  induction r as [|a r IH]; intros [|y z]; unfold units, squares; simpl; rewrite ?dot_nil_r;
    try (unfold dot; simpl; lra).
  rewrite !dot_cons. specialize (IH z). unfold units, squares in IH. pose proof (twice_product a x y). lra.
Qed.

Lemma bilinear_between_squares z : forall a x,
  0 <= 2 * bilinear a x z + (bilinear (sizes a) (squares x) (units z) + bilinear (sizes a) (units x) (squares z)).
Proof.
  induction a as [|r a IH]; intros [|k x]; unfold squares at 1, units at 2; simpl; try lra.
  specialize (IH x). pose proof (row_between_squares k r z). unfold squares at 1, units at 2 in IH.
  unfold sizes in *. lra.
Qed.

Lemma bilinear_above a z : symmetric (sizes a) -> - bilinear (sizes a) (squares z) (units z) <= bilinear a z z.
Proof.
  intros S. pose proof (bilinear_between_squares z a z) as H.
  rewrite (bilinear_symmetric _ (units z) (squares z) S) in H. lra.
Qed.

Lemma dot_units : forall l z, dot (map Z.abs l) (units z) <= IZR (total (map Z.abs l)).
Proof.
  induction l as [|x l IH]; intros [|y z]; unfold units; simpl; rewrite ?dot_nil_r, ?dot_cons.
  - unfold dot; simpl; lra.
  - unfold dot; simpl; lra.
  - apply IZR_le. clear. assert (0 <= total (map Z.abs l))%Z; [|unfold total in *; lia].
    induction l; simpl; [lia|]. unfold total in *; lia.
  - specialize (IH z). unfold units, total in *. rewrite plus_IZR. lra.
Qed.

(** Rows from [i] on: diagonal less the rest is at least the margins times squares. *)
Fixpoint weighted (ms : list Z) (x : list R) : R :=
  match ms, x with m :: ms', k :: x' => k * k * IZR m + weighted ms' x' | _, _ => 0 end.

Lemma margins_below z : forall rows i x, (forall j, nth j x 0 = nth (i + j) z 0) ->
  weighted (margins i rows) x
  <= bilinear rows x z - bilinear (off_diagonal i rows) x z
     - bilinear (sizes (off_diagonal i rows)) (squares x) (units z).
Proof.
  induction rows as [|r rows IH]; intros i [|k x] E; unfold squares; simpl; try lra.
  assert (Ek : nth i z 0 = k) by (rewrite <- (Nat.add_0_r i); symmetry; apply (E 0%nat)).
  specialize (IH (S i) x). unfold squares, sizes in IH.
  assert (E' : forall j, nth j x 0 = nth (S i + j) z 0).
  { intros j. specialize (E (S j)). simpl in E. rewrite E. f_equal. lia. }
  specialize (IH E'). rewrite (dot_without i r z), Ek, minus_IZR.
  rewrite <- total_without. pose proof (dot_units (without i r) z) as U. pose proof (Rle_0_sqr k) as K.
  unfold Rsqr in K.
  assert (k * k * dot (map Z.abs (without i r)) (units z) <= k * k * IZR (total (map Z.abs (without i r))))
    by (apply Rmult_le_compat_l; assumption).
  unfold sizes. lra.
Qed.

Lemma weighted_above : forall ms t, Forall (fun x => Rabs x <= 1) t -> IZR (total (map negpart ms)) <= weighted ms t.
Proof.
  induction ms as [|m ms IH]; intros t H; [destruct t; simpl; lra|].
  assert (N : forall l, IZR (total (map negpart l)) <= 0).
  { intros l. apply IZR_le. induction l; simpl; [lia|]. unfold negpart, total in *. lia. }
  destruct t as [|x t]; [apply N|]. inversion H; subst. specialize (IH t H3). simpl. unfold total in *. simpl.
  rewrite plus_IZR. assert (K : 0 <= x * x <= 1).
  { split; [apply Rle_0_sqr|]. rewrite <- (Rabs_pos_eq (x * x)) by apply Rle_0_sqr. rewrite Rabs_mult.
    pose proof (Rabs_pos x). rewrite <- (Rmult_1_l 1). apply Rmult_le_compat; assumption. }
  assert (IZR (negpart m) <= x * x * IZR m); [|lra].
  unfold negpart. destruct (Z.min_spec m 0) as [[L ->] | [L ->]].
  - apply IZR_lt in L. assert (IZR m * 1 <= IZR m * (x * x)) by (apply Rmult_le_compat_neg_l; lra). lra.
  - apply IZR_le in L. apply Rmult_le_pos; lra.
Qed.

Theorem psd_correct form factor_rows t : symmetric form -> Forall (fun x => Rabs x <= 1) t ->
  IZR (lower_bound form factor_rows) <= bilinear form (1 :: t) (1 :: t).
Proof.
  intros S T. set (z := 1 :: t). set (rest := remainder factor_rows factor_rows form).
  assert (A : bilinear rest z z <= bilinear form z z).
  { unfold rest. rewrite bilinear_remainder. pose proof (dotR_square (combined factor_rows z)). lra. }
  assert (B := bilinear_above (off_diagonal 0 rest) z (sizes_symmetric _ (remainder_symmetric _ _ S))).
  assert (C := margins_below z rest 0 z (fun j => eq_refl)).
  assert (D : IZR (lower_bound form factor_rows) <= weighted (margins 0 rest) z).
  { unfold lower_bound. fold rest. destruct (margins 0 rest) as [|m ms]; [simpl; lra|].
    simpl. rewrite plus_IZR. pose proof (weighted_above ms t T). lra. }
  lra.
Qed.
