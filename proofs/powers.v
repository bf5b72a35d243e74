(** Powers of a chain rounded down to multiples of a unit, and how far apart their rows are: list by list.

    [near_contracts]: the coefficient of a power, from rows that were rounded down at every step. *)
From Coq Require Import ZArith Reals Lia Lra List.
From Certify Require Import vectors exact contraction.
From Certify.rules Require Import matrices.
From Certify.statements Require Import stationary.
Import ListNotations.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** sum of |x_i - y_i|; of lists of one length. *)
Fixpoint distance (x y : list Z) : Z :=
  match x, y with
  | a :: x', b :: y' => Z.abs (a - b) + distance x' y'
  | _, _ => 0
  end.

Definition largest (l : list Z) : Z := fold_left Z.max l 0.

(** The largest l1 distance of two rows. *)
Fixpoint apart (rows : list (list Z)) : Z :=
  match rows with
  | [] => 0
  | r :: rest => Z.max (largest (map (distance r) rest)) (apart rest)
  end.

(** Rows of floor(M Pi), from the columns of Pi. *)
Definition next_power (columns : list (list Z)) (den : Z) (rows : list (list Z)) : list (list Z) :=
  map (fun r => map (fun c => zdot r c / den) columns) rows.

(** ** Lists *)

Open Scope R_scope.

Lemma distance_sum : forall n x y, length x = n -> length y = n ->
  IZR (distance x y) = l1 n (fun k => IZR (nth k x 0%Z) - IZR (nth k y 0%Z)).
Proof.
  unfold l1. induction n as [|n IH]; intros [|a x] [|b y] X Y; simpl in X, Y; try lia; [reflexivity|].
  rewrite sum_shift. cbn [distance nth]. rewrite plus_IZR, abs_IZR, minus_IZR, (IH x y) by lia. reflexivity.
Qed.

Lemma largest_above : forall l x, In x l -> (x <= largest l)%Z.
Proof.
  unfold largest. intros l. assert (G : forall l a, (a <= fold_left Z.max l a)%Z /\ forall x, In x l ->
    (x <= fold_left Z.max l a)%Z).
  { clear l. induction l as [|y l IH]; intros a; simpl; [split; [lia | contradiction]|].
    destruct (IH (Z.max a y)) as [A B].
    split; [lia|]. intros x [-> | I]; [lia | apply B, I]. }
  apply G.
Qed.

Lemma distance_comm : forall x y, distance x y = distance y x.
Proof. induction x as [|a x IH]; intros [|b y]; simpl; auto. rewrite IH. lia. Qed.

Lemma distance_same x : distance x x = 0%Z.
Proof. induction x as [|a x IH]; simpl; lia. Qed.

Lemma distance_nonneg : forall x y, (0 <= distance x y)%Z.
Proof. induction x as [|a x IH]; intros [|b y]; simpl; try lia. specialize (IH y). lia. Qed.

Lemma apart_nonneg rows : (0 <= apart rows)%Z.
Proof. induction rows as [|r rows IH]; simpl; lia. Qed.

Lemma apart_above : forall rows a b, In a rows -> In b rows -> (distance a b <= apart rows)%Z.
Proof.
  induction rows as [|r rows IH]; intros a b A B; [contradiction|]. cbn [apart]. assert (N := apart_nonneg rows).
  assert (F : forall c, In c rows -> (distance r c <= largest (map (distance r) rows))%Z).
  { intros c C. apply largest_above, in_map, C. }
  destruct A as [<- | A], B as [<- | B].
  - rewrite distance_same. lia.
  - specialize (F b B). lia.
  - rewrite distance_comm. specialize (F a A). lia.
  - specialize (IH a b A B). lia.
Qed.

(** ** Powers *)

Section Powers.
Variable pi : matrix.
Hypothesis Fp : formed pi.
Variable m : nat.
Hypothesis Rp : m_rows pi = m.
Hypothesis Cp : m_columns pi = m.
Variable q : nat -> nat -> R.
Hypothesis Vp : forall i j, (i < m)%nat -> (j < m)%nat -> value pi i j = q i j.
Hypothesis St : stochastic m q.
Variable unit : Z.
Hypothesis U : (0 < unit)%Z.

(** Rows over [unit] that are those of the t-th power, but for t times m / unit. *)
Definition near (t : nat) (rows : list (list Z)) : Prop :=
  length rows = m /\ Forall (fun r => length r = m) rows /\
  forall i, (i < m)%nat -> l1 m (fun k => IZR (cell rows i k) / IZR unit - after m q t (at_state i) k) <=
    INR t * INR m / IZR unit.

Lemma near_start : near 0 (unit_rows m 0 m unit).
Proof.
  clear Fp Rp Cp Vp pi.
  assert (U' : 0 < IZR unit) by (apply IZR_lt, U). destruct (unit_rows_formed m unit m 0) as [A B]; [lia|].
  split; [exact A|]. split; [exact B|]. intros i I. unfold l1. rewrite (sum_ext m _ (fun _ => 0)).
  - rewrite sum_zero. simpl. unfold Rdiv. lra.
  - intros k K. rewrite unit_rows_cell by lia. simpl. unfold at_state.
    match goal with |- Rabs ?x = 0 => replace x with 0; [apply Rabs_R0|] end. destruct (Nat.eqb i k); field; lra.
Qed.

Lemma sum_constant n c : sum n (fun _ => c) = INR n * c.
Proof. induction n as [|n IH]; [simpl; lra|]. rewrite S_INR. simpl sum. rewrite IH. ring. Qed.

Lemma near_next t rows : near t rows -> near (S t) (next_power (transposed (m_cells pi)) (m_den pi) rows).
Proof.
  intros (L & W & N). destruct Fp as (D & R1 & C1 & Lp & Wp).
  destruct (transposed_formed m (m_cells pi)) as [Lt Wt]; [lia | rewrite <- Cp; exact Wp|].
  assert (U' : 0 < IZR unit) by (apply IZR_lt, U). assert (D' : 0 < IZR (m_den pi)) by (apply IZR_lt, D).
  unfold next_power. set (den := m_den pi) in *. set (columns := transposed (m_cells pi)) in *.
  set (f := fun r => map (fun c => (zdot r c / den)%Z) columns).
  split; [rewrite map_length; exact L|]. split.
  { rewrite Forall_map. apply Forall_forall. intros r _. unfold f. rewrite map_length. exact Lt. }
  intros i I.
  set (x := fun k => IZR (cell rows i k) / IZR unit).
  assert (E : forall k, (k < m)%nat -> Rabs (IZR (cell (map f rows) i k) / IZR unit - moved m q x k) <= / IZR unit).
  { intros k K. set (z := zdot (nth i rows []) (nth k columns [])).
    assert (C : cell (map f rows) i k = (z / den)%Z).
    { unfold cell. rewrite (nth_indep _ [] (f [])) by (rewrite map_length; lia). rewrite (map_nth f). unfold f.
      rewrite (nth_indep _ 0%Z ((fun c => (zdot (nth i rows []) c / den)%Z) [])) by (rewrite map_length; lia).
      apply (map_nth (fun c => (zdot (nth i rows []) c / den)%Z)). }
    assert (M : moved m q x k = IZR z / IZR den / IZR unit).
    { unfold z. rewrite (zdot_sum m) by (rewrite Forall_forall in W; rewrite (W (nth i rows [])); [lia | apply nth_In; lia]).
      unfold moved, Rdiv. rewrite Rmult_assoc, Rmult_comm, <- sum_scale. apply sum_ext. intros j J.
      rewrite <- Vp by assumption. unfold x, value. fold den.
      replace (cell (m_cells pi) j k) with (nth j (nth k columns []) 0%Z) by (apply (cell_transposed (m_cells pi) k j)).
      unfold cell. field. lra. }
    rewrite C, M. assert (Q := Z.div_mod z den ltac:(lia)). assert (B := Z.mod_pos_bound z den D).
    assert (Q' : IZR z = IZR den * IZR (z / den) + IZR (z mod den))
      by (rewrite <- mult_IZR, <- plus_IZR; f_equal; exact Q).
    destruct B as [B1 B2]. apply IZR_le in B1. apply IZR_lt in B2.
    replace (IZR (z / den) / IZR unit - IZR z / IZR den / IZR unit) with (- (IZR (z mod den) / IZR den * / IZR unit))
      by (rewrite Q'; field; lra).
    assert (G : 0 <= IZR (z mod den) / IZR den <= 1).
    { split; [apply Rmult_le_pos; [exact B1 | left; apply Rinv_0_lt_compat, D']|].
      apply Rmult_le_reg_r with (IZR den); [exact D'|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    assert (0 < / IZR unit) by (apply Rinv_0_lt_compat, U').
    rewrite Rabs_Ropp, Rabs_pos_eq by (apply Rmult_le_pos; lra).
    rewrite <- (Rmult_1_l (/ IZR unit)) at 2. apply Rmult_le_compat_r; lra. }
  apply Rle_trans with (l1 m (fun k => IZR (cell (map f rows) i k) / IZR unit - moved m q x k) +
                        l1 m (moved m q (fun k => x k - after m q t (at_state i) k))).
  - apply l1_triangle. intros k K. rewrite moved_sub. simpl. ring.
  - rewrite S_INR. replace ((INR t + 1) * INR m / IZR unit) with (INR m * / IZR unit + INR t * INR m / IZR unit)
      by (field; lra).
    apply Rplus_le_compat.
    + rewrite <- sum_constant. apply sum_le. exact E.
    + apply Rle_trans with (1 := moved_short m q St _). apply N, I.
Qed.

Lemma near_contracts t rows : near t rows ->
  contracts m q t (IZR (apart rows + 2 * Z.of_nat t * Z.of_nat m) / IZR (2 * unit)).
Proof.
  intros (L & W & N). assert (U' : 0 < IZR unit) by (apply IZR_lt, U). apply contracts_of_rows. intros i k I K.
  assert (A : l1 m (fun j => IZR (cell rows i j) / IZR unit - IZR (cell rows k j) / IZR unit) <=
    IZR (apart rows) / IZR unit).
  { rewrite Forall_forall in W. assert (Ai := nth_In rows [] (eq_ind_r (fun n => (i < n)%nat) I L)).
    assert (Ak := nth_In rows [] (eq_ind_r (fun n => (k < n)%nat) K L)).
    assert (D := apart_above rows _ _ Ai Ak). apply IZR_le in D. rewrite (distance_sum m) in D by (apply W; assumption).
    apply Rle_trans with (/ IZR unit * l1 m (fun j => IZR (cell rows i j) - IZR (cell rows k j))).
    - unfold l1. rewrite <- sum_scale. apply sum_le. intros j _. right.
      replace (IZR (cell rows i j) / IZR unit - IZR (cell rows k j) / IZR unit)
        with (/ IZR unit * (IZR (cell rows i j) - IZR (cell rows k j))) by (field; lra).
      rewrite Rabs_mult, (Rabs_pos_eq (/ IZR unit)); [reflexivity | left; apply Rinv_0_lt_compat, U'].
    - unfold Rdiv. rewrite Rmult_comm. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat, U' | exact D]. }
  assert (Ni := N i I). assert (Nk := N k K). rewrite <- l1_opp in Ni.
  rewrite plus_IZR, !mult_IZR, <- !INR_IZR_INZ.
  replace (2 * ((IZR (apart rows) + 2 * INR t * INR m) / (2 * IZR unit)))
    with (IZR (apart rows) / IZR unit + INR t * INR m / IZR unit + INR t * INR m / IZR unit) by (field; lra).
  eapply Rle_trans; [|apply Rplus_le_compat; [apply Rplus_le_compat; [exact A | exact Ni] | exact Nk]].
  eapply Rle_trans; [|apply Rplus_le_compat_r].
  2: apply (l1_triangle m _ _ (fun j => after m q t (at_state i) j - IZR (cell rows k j) / IZR unit)).
  - apply l1_triangle. intros j _. ring.
  - intros j _. cbv beta. ring.
Qed.
End Powers.
