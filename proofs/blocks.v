(** Blocks of states: vectors and rows added up by block, and what a chain loses when only blocks are kept.

    [folded_moved]: the loss of a law in a step is a mixture of those of states; [losses_above] bounds these. *)
From Coq Require Import ZArith Reals Lia Lra List.
From Certify Require Import vectors exact contraction powers.
From Certify.rules Require Import matrices.
From Certify.statements Require Import stationary.
Import ListNotations.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** x more at place k. *)
Fixpoint add_at (k : nat) (x : Z) (l : list Z) : list Z :=
  match l, k with
  | [], _ => []
  | y :: r, O => x + y :: r
  | y :: r, S j => y :: add_at j x r
  end.

(** Entries added up by block. *)
Fixpoint gathered (index : list nat) (row out : list Z) : list Z :=
  match index, row with
  | k :: index', x :: row' => gathered index' row' (if x =? 0 then out else add_at k x out)
  | _, _ => out
  end.

(** For each state, the l1 norm of its row of P V - V Pi, times both denominators. *)
Definition losses (index : list nat) (p pi : matrix) : list Z :=
  let target := map (map (Z.mul (m_den p))) (m_cells pi) in
  map2 (fun k row =>
          distance (map (Z.mul (m_den pi)) (gathered index row (repeat 0 (m_rows pi)))) (nth k target []))
    index (m_cells p).

(** ** Vectors *)

Open Scope R_scope.

(** Entries of [x] added up by block. *)
Definition folded (n : nat) (index : nat -> nat) (x : nat -> R) (k : nat) : R :=
  sum n (fun i => if Nat.eqb (index i) k then x i else 0).

(** sum over blocks of f, where f belongs to the block of i. *)
Lemma folded_dual n m index x f : (forall i, (i < n)%nat -> (index i < m)%nat) ->
  sum m (fun k => folded n index x k * f k) = sum n (fun i => x i * f (index i)).
Proof.
  intros B. unfold folded. rewrite (sum_ext m _ (fun k => sum n (fun i => if Nat.eqb (index i) k then x i * f k else 0))).
  - rewrite sum_swap. apply sum_ext. intros i I. apply (sum_delta m (index i) (fun k => x i * f k)), B, I.
  - intros k _. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _. destruct (Nat.eqb (index i) k); ring.
Qed.

Lemma folded_total n m index x : (forall i, (i < n)%nat -> (index i < m)%nat) -> sum m (folded n index x) = sum n x.
Proof.
  intros B. rewrite (sum_ext m _ (fun k => folded n index x k * 1)) by (intros; ring).
  rewrite (folded_dual n m index x (fun _ => 1) B). apply sum_ext. intros; ring.
Qed.

(** What one step of the chain and one of the blocks' make of a law differ by is a mixture of rows of P V - V Pi. *)
Lemma folded_moved n m index p q x k : (forall i, (i < n)%nat -> (index i < m)%nat) ->
  folded n index (moved n p x) k - moved m q (folded n index x) k =
  sum n (fun i => x i * (folded n index (p i) k - q (index i) k)).
Proof.
  intros B. unfold moved at 2. rewrite (folded_dual n m index x (fun j => q j k) B).
  rewrite (sum_ext n (fun i => x i * (_ - _)) (fun i => x i * folded n index (p i) k + - (x i * q (index i) k)))
    by (intros; ring).
  rewrite sum_add, sum_opp. unfold Rminus. f_equal. unfold folded, moved.
  rewrite (sum_ext n _ (fun j => sum n (fun i => if Nat.eqb (index j) k then x i * p i j else 0))).
  - rewrite sum_swap. apply sum_ext. intros i _. rewrite <- sum_scale. apply sum_ext. intros j _.
    destruct (Nat.eqb (index j) k); ring.
  - intros j _. destruct (Nat.eqb (index j) k); [reflexivity | symmetry; apply sum_zero].
Qed.

(** ** Lists *)

Lemma add_at_length x : forall l k, length (add_at k x l) = length l.
Proof. induction l as [|y l IH]; intros [|k]; simpl; auto. Qed.

Lemma nth_add_at x : forall l k j, (j < length l)%nat ->
  nth j (add_at k x l) 0%Z = (nth j l 0 + if Nat.eqb k j then x else 0)%Z.
Proof.
  induction l as [|y l IH]; intros [|k] [|j] J; simpl in *; try lia. apply IH. lia.
Qed.

Lemma gathered_length : forall index row out, length (gathered index row out) = length out.
Proof.
  induction index as [|k index IH]; intros [|x row] out; simpl; auto. rewrite IH.
  destruct (x =? 0)%Z; [reflexivity | apply add_at_length].
Qed.

(** Entry k, when [out] is zero: the sum over block k. *)
Lemma nth_gathered : forall index row out k, length index = length row -> (k < length out)%nat ->
  IZR (nth k (gathered index row out) 0%Z) =
  IZR (nth k out 0%Z) + sum (length row) (fun i => if Nat.eqb (nth i index 0%nat) k then IZR (nth i row 0%Z) else 0).
Proof.
  induction index as [|b index IH]; intros [|x row] out k L K; simpl in L; try lia; [simpl; lra|].
  cbn [gathered length]. rewrite sum_shift. cbn [nth]. rewrite IH by (destruct (x =? 0)%Z; rewrite ?add_at_length; lia).
  destruct (Z.eqb_spec x 0) as [-> | N].
  - destruct (Nat.eqb b k); lra.
  - rewrite nth_add_at by exact K. rewrite plus_IZR. destruct (Nat.eqb b k); lra.
Qed.

(** The largest row of P V - V Pi, in l1. *)
Lemma losses_above index p pi i : formed p -> formed pi -> length index = m_rows p -> m_columns p = m_rows p ->
  m_columns pi = m_rows pi -> (i < m_rows p)%nat -> (nth i index 0%nat < m_rows pi)%nat ->
  l1 (m_rows pi) (fun k => folded (m_rows p) (fun j => nth j index 0%nat) (value p i) k - value pi (nth i index 0%nat) k)
  <= IZR (largest (losses index p pi)) / (IZR (m_den p) * IZR (m_den pi)).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') Li Sq Sq' I B. set (n := m_rows p) in *.
  set (m := m_rows pi) in *.
  rewrite Forall_forall in W, W'. apply IZR_lt in D, D'.
  set (target := map (map (Z.mul (m_den p))) (m_cells pi)).
  set (f := fun k row => distance (map (Z.mul (m_den pi)) (gathered index row (repeat 0%Z m))) (nth k target [])).
  set (row := nth i (m_cells p) []). set (b := nth i index 0%nat) in *.
  assert (Ir : In row (m_cells p)) by (apply nth_In; lia).
  assert (A : (f b row <= largest (losses index p pi))%Z).
  { apply largest_above. unfold losses. fold target. fold m. change (In (f b row) (map2 f index (m_cells p))).
    unfold b, row. rewrite <- (nth_map2 f 0%nat [] 0%Z) by lia. apply nth_In. rewrite map2_length by lia. lia. }
  assert (Lr : length row = n) by (rewrite W by exact Ir; exact Sq).
  assert (T : nth b target [] = map (Z.mul (m_den p)) (nth b (m_cells pi) []))
    by apply (map_nth (map (Z.mul (m_den p))) (m_cells pi) [] b).
  assert (Lb : length (nth b (m_cells pi) []) = m) by (rewrite W' by (apply nth_In; lia); exact Sq').
  apply IZR_le in A. unfold f in A at 1. rewrite T in A.
  rewrite (distance_sum m) in A by (rewrite map_length, ?gathered_length, ?repeat_length; auto).
  assert (P : 0 < IZR (m_den p) * IZR (m_den pi)) by (apply Rmult_lt_0_compat; assumption).
  apply Rmult_le_reg_r with (IZR (m_den p) * IZR (m_den pi)); [exact P|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. apply Rle_trans with (2 := A). right.
  unfold l1. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros k K.
  rewrite <- (Rabs_pos_eq (IZR (m_den p) * IZR (m_den pi))) at 1 by lra. rewrite <- Rabs_mult. f_equal.
  rewrite !nth_mul, !mult_IZR, nth_gathered by (rewrite ?repeat_length; lia). rewrite nth_repeat, Rplus_0_l, Lr.
  rewrite Rmult_minus_distr_l. f_equal.
  - rewrite (Rmult_comm (IZR (m_den p))), Rmult_assoc. f_equal. unfold folded. rewrite <- sum_scale. apply sum_ext.
    intros j _.
    destruct (Nat.eqb (nth j index 0%nat) k); [|ring]. unfold value, cell. fold row. field. lra.
  - unfold value, cell. field. lra.
Qed.
