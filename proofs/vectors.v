(** Vectors: what the checker computes with (lists of integers) and what it speaks of (lists of reals).

    Products stop at the end of the shorter list and sums go on to the end of the longer one, so that no lemma here
    needs a condition on lengths. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
Import ListNotations.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** a + b, to the end of the longer list. *)
Fixpoint addl (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => x + y :: addl a' b'
  | [], _ => b
  | _, [] => a
  end.

(** k a + b, to the end of the longer list. *)
Fixpoint axpy (k : Z) (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => k * x + y :: axpy k a' b'
  | [], _ => b
  | _, [] => map (Z.mul k) a
  end.

(** sum of a_i b_i. *)
Fixpoint zdot (a b : list Z) : Z :=
  match a, b with
  | x :: a', y :: b' => x * y + zdot a' b'
  | _, _ => 0
  end.

(** sum of min(a_i, 0) b_i. *)
Fixpoint negdot (a b : list Z) : Z :=
  match a, b with
  | x :: a', y :: b' => (if x <? 0 then x * y else 0) + negdot a' b'
  | _, _ => 0
  end.

(** a_i - b_i, to the end of the shorter list. *)
Fixpoint subz (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => x - y :: subz a' b'
  | _, _ => []
  end.

Fixpoint map2 {A B C} (f : A -> B -> C) (a : list A) (b : list B) : list C :=
  match a, b with
  | x :: a', y :: b' => f x y :: map2 f a' b'
  | _, _ => []
  end.

Definition negpart (x : Z) : Z := Z.min x 0.
Definition pospart (x : Z) : Z := Z.max x 0.

(** x 2^t for any t, rounded down and up. *)
Definition shift_down (x t : Z) : Z := Z.shiftl x t.
Definition shift_up (x t : Z) : Z := - Z.shiftl (- x) t.

(** Entry i of a list for an integer i; the default outside, -1 included. *)
Definition nthz {A} (d : A) (l : list A) (i : Z) : A := if i <? 0 then d else nth (Z.to_nat i) l d.

Fixpoint update {A} (n : nat) (f : A -> A) (d : A) (l : list A) : list A :=
  match n, l with
  | O, [] => [f d]
  | O, x :: t => f x :: t
  | S m, [] => d :: update m f d []
  | S m, x :: t => x :: update m f d t
  end.

(** ** What they mean *)

Open Scope R_scope.

Notation pow2 := (bpow radix2).

Fixpoint dotR (a b : list R) : R :=
  match a, b with
  | x :: a', y :: b' => x * y + dotR a' b'
  | _, _ => 0
  end.

Definition dot (c : list Z) (v : list R) : R := dotR (map IZR c) v.

(** lo <= v <= hi, entry by entry; the three have one length. *)
Inductive within : list Z -> list Z -> list R -> Prop :=
| within_nil : within [] [] []
| within_cons l h x lo hi v : IZR l <= x <= IZR h -> within lo hi v -> within (l :: lo) (h :: hi) (x :: v).

(** v - lo. *)
Definition above (lo : list Z) (v : list R) : list R := map2 (fun l x => x - IZR l) lo v.

(** sum over k of dot c_k v_k. *)
Fixpoint dots (cs : list (list Z)) (vs : list (list R)) : R :=
  match cs, vs with
  | c :: cs', v :: vs' => dot c v + dots cs' vs'
  | _, _ => 0
  end.

Definition relu (x : R) : R := Rmax x 0.

(** ** Lemmas *)

Lemma dot_nil_r c : dot c [] = 0.
Proof. destruct c; reflexivity. Qed.

Lemma dot_cons a c x v : dot (a :: c) (x :: v) = IZR a * x + dot c v.
Proof. reflexivity. Qed.

Lemma dotR_nil_r a : dotR a [] = 0.
Proof. destruct a; reflexivity. Qed.

Lemma dot_addl a : forall b v, dot (addl a b) v = dot a v + dot b v.
Proof.
  induction a as [|x a IH]; intros b v; [unfold dot; simpl; lra|].
  destruct b as [|y b], v as [|z v]; simpl addl; rewrite ?dot_nil_r; try (unfold dot; simpl; lra).
  rewrite !dot_cons, IH, plus_IZR; lra.
Qed.

Lemma dot_map_mul k a : forall v, dot (map (Z.mul k) a) v = IZR k * dot a v.
Proof.
  induction a as [|x a IH]; intros [|z v]; try (unfold dot; simpl; lra).
  simpl map; rewrite !dot_cons, IH, mult_IZR; lra.
Qed.

Lemma dot_axpy k a : forall b v, dot (axpy k a b) v = IZR k * dot a v + dot b v.
Proof.
  induction a as [|x a IH]; intros b v; [unfold dot; simpl; lra|].
  destruct b as [|y b], v as [|z v]; rewrite ?dot_nil_r; try lra.
  - change (axpy k (x :: a) []) with (map (Z.mul k) (x :: a)). rewrite dot_map_mul. unfold dot at 3; simpl; lra.
  - simpl axpy; rewrite !dot_cons, IH, plus_IZR, mult_IZR; lra.
Qed.

Lemma dot_opp a : forall v, dot (map Z.opp a) v = - dot a v.
Proof.
  induction a as [|x a IH]; intros [|z v]; try (unfold dot; simpl; lra).
  simpl map; rewrite !dot_cons, IH, opp_IZR; lra.
Qed.

Lemma dot_IZR a : forall b, dot a (map IZR b) = IZR (zdot a b).
Proof.
  induction a as [|x a IH]; intros [|z v]; try (unfold dot; simpl; reflexivity).
  simpl map; rewrite dot_cons, IH; simpl zdot; rewrite plus_IZR, mult_IZR; lra.
Qed.

Lemma within_length lo hi v : within lo hi v -> length lo = length v /\ length hi = length v.
Proof. induction 1; simpl; intuition. Qed.

Lemma within_nth lo hi v : within lo hi v ->
  forall i, (i < length v)%nat -> IZR (nth i lo 0%Z) <= nth i v 0 <= IZR (nth i hi 0%Z).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros i L; simpl in L; [lia|].
  destruct i; simpl; [exact B | apply IH; lia].
Qed.

Lemma within_of_nth lo hi v : length lo = length v -> length hi = length v ->
  (forall i, (i < length v)%nat -> IZR (nth i lo 0%Z) <= nth i v 0 <= IZR (nth i hi 0%Z)) -> within lo hi v.
Proof.
  revert lo hi; induction v as [|x v IH]; intros [|l lo] [|h hi] L1 L2 H; simpl in *; try discriminate; constructor.
  - apply (H 0%nat); lia.
  - apply IH; try lia. intros i Hi; apply (H (S i)); lia.
Qed.

(** c . v = c . lo + c . (v - lo). *)
Lemma dot_above lo hi v : within lo hi v -> forall c, dot c v = IZR (zdot c lo) + dot c (above lo v).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros [|a c]; try (unfold dot; simpl; lra).
  unfold above; simpl map2; fold (above lo v). rewrite !dot_cons, IH; simpl zdot.
  rewrite plus_IZR, mult_IZR; lra.
Qed.

Lemma above_nonneg lo hi v : within lo hi v -> Forall (fun x => 0 <= x) (above lo v).
Proof. induction 1; unfold above; simpl; constructor; [lra | assumption]. Qed.

(** c . (v - lo) >= sum of min(c, 0) (hi - lo). *)
Lemma negdot_le lo hi v : within lo hi v -> forall c, IZR (negdot c (subz hi lo)) <= dot c (above lo v).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros [|a c]; try (unfold dot; simpl; lra).
  unfold above; simpl map2; fold (above lo v). simpl subz; simpl negdot. rewrite dot_cons, plus_IZR.
  specialize (IH c). assert (IZR (if (a <? 0)%Z then a * (h - l) else 0) <= IZR a * (x - IZR l)).
  { destruct (Z.ltb_spec a 0) as [N | N].
    - rewrite mult_IZR, minus_IZR. apply IZR_lt in N. apply Rmult_le_compat_neg_l; lra.
    - apply IZR_le in N. apply Rmult_le_pos; lra. }
  lra.
Qed.

Lemma dot_le_compat a : forall b v, Forall (fun x => 0 <= x) v ->
  (forall i, (nth i a 0 <= nth i b 0)%Z) -> dot a v <= dot b v.
Proof.
  induction a as [|x a IH]; intros b v; revert b.
  - induction v as [|z v IHv]; intros b P H; [rewrite !dot_nil_r; lra|].
    destruct b as [|y b]; [unfold dot; simpl; lra|].
    rewrite dot_cons. inversion P; subst. specialize (IHv b H3).
    assert (IZR 0 <= IZR y) by (apply IZR_le, (H 0%nat)).
    assert (dot [] v <= dot b v) by (apply IHv; intros i; specialize (H (S i)); destruct i; simpl in *; assumption).
    assert (0 <= IZR y * z) by (apply Rmult_le_pos; assumption).
    unfold dot in *; simpl in *; lra.
  - intros b P H. destruct v as [|z v]; [rewrite !dot_nil_r; lra|].
    inversion P; subst. destruct b as [|y b].
    + rewrite dot_cons. assert (IZR x <= IZR 0) by (apply IZR_le, (H 0%nat)).
      assert (dot a v <= dot [] v).
      { apply IH; [assumption|]. intros i; specialize (H (S i)); destruct i; simpl in *; assumption. }
      assert (IZR x * z <= 0 * z) by (apply Rmult_le_compat_r; assumption).
      unfold dot in *; simpl in *; lra.
    + rewrite !dot_cons. assert (IZR x <= IZR y) by (apply IZR_le, (H 0%nat)).
      assert (dot a v <= dot b v) by (apply IH; [assumption | intros i; apply (H (S i))]).
      assert (IZR x * z <= IZR y * z) by (apply Rmult_le_compat_r; assumption). lra.
Qed.

Lemma dots_update n : forall c cs vs, dots (update n (addl c) [] cs) vs = dots cs vs + dot c (nth n vs []).
Proof.
  induction n as [|n IH]; intros c cs vs.
  - destruct cs as [|d cs], vs as [|v vs]; simpl; rewrite ?dot_nil_r, ?dot_addl; try lra.
    destruct c; simpl; unfold dot; simpl; destruct v; simpl; lra.
  - destruct cs as [|d cs], vs as [|v vs]; simpl; rewrite ?dot_nil_r, ?IH; try lra.
    destruct v; unfold dot; simpl; lra.
Qed.

Lemma pow2_pos k : 0 < pow2 k.
Proof. apply bpow_gt_0. Qed.

Lemma pow2_IZR t : (0 <= t)%Z -> IZR (2 ^ t) = pow2 t.
Proof. intros P. change (2 ^ t)%Z with (Zpower radix2 t). apply IZR_Zpower; assumption. Qed.

Lemma shift_down_le x t : IZR (shift_down x t) <= IZR x * pow2 t.
Proof.
  unfold shift_down. destruct (Z.le_gt_cases 0 t) as [P | N].
  - rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by assumption. apply Rle_refl.
  - rewrite <- (Z.opp_involutive t), Z.shiftl_opp_r, Z.shiftr_div_pow2 by lia.
    replace (pow2 (- - t)) with (/ pow2 (- t)) by (rewrite <- bpow_opp; reflexivity).
    apply (Rmult_le_reg_r (pow2 (- t))); [apply pow2_pos|].
    rewrite Rmult_assoc, Rinv_l, Rmult_1_r by (apply Rgt_not_eq, pow2_pos).
    rewrite <- pow2_IZR, <- mult_IZR by lia. apply IZR_le. rewrite Z.mul_comm. apply Z.mul_div_le.
      apply Z.pow_pos_nonneg; lia.
Qed.

Lemma shift_up_ge x t : IZR x * pow2 t <= IZR (shift_up x t).
Proof.
  unfold shift_up. pose proof (shift_down_le (- x) t) as H. unfold shift_down in H.
  rewrite opp_IZR. rewrite opp_IZR in H. lra.
Qed.

(** Floor division loses nothing that is needed from below. *)
Lemma div_le x d : (0 < d)%Z -> IZR (x / d) <= IZR x / IZR d.
Proof.
  intros P. assert (0 < IZR d) by (apply IZR_lt; assumption).
  apply (Rmult_le_reg_r (IZR d)); [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  rewrite <- mult_IZR, Z.mul_comm. apply IZR_le, Z.mul_div_le; assumption.
Qed.

Lemma dot_shiftr_le c q v : Forall (fun x => 0 <= x) v -> (0 <= q)%Z ->
  dot (map (fun x => Z.shiftr x q) c) v <= dot c v * pow2 (- q).
Proof.
  intros P Q. revert v P. induction c as [|a c IH]; intros [|x v] P; try (unfold dot; simpl; lra).
  simpl map; rewrite !dot_cons. inversion P; subst. specialize (IH v H2).
  assert (IZR (Z.shiftr a q) <= IZR a * pow2 (- q)).
  { rewrite <- Z.shiftl_opp_r. apply (shift_down_le a (- q)). }
  assert (IZR (Z.shiftr a q) * x <= IZR a * pow2 (- q) * x) by (apply Rmult_le_compat_r; assumption). lra.
Qed.
