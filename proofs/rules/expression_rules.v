(** Expressions hold: under every valuation there is t with |t_i| <= 1 such that each entry of each block is its
    expression at (1, t), up to its noise. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import matrices difference expressions.
Import ListNotations.
Open Scope R_scope.

(** ** What an expression says of a number, at z *)

Definition tells (z : list R) (e : entry) (v : R) : Prop := Rabs (v - dot (fst e) z) <= IZR (snd e).
Definition told (z : list R) (es : list entry) (vs : list R) : Prop := Forall2 (tells z) es vs.

Lemma tells_plus z a b x y : tells z a x -> tells z b y -> tells z (plus a b) (x + y).
Proof.
  unfold tells, plus; simpl. intros A B. rewrite dot_addl, plus_IZR.
  replace (x + y - (dot (fst a) z + dot (fst b) z)) with ((x - dot (fst a) z) + (y - dot (fst b) z)) by ring.
  eapply Rle_trans; [apply Rabs_triang | lra].
Qed.

Lemma tells_minus z a b x y : tells z a x -> tells z b y -> tells z (minus a b) (x - y).
Proof.
  unfold tells, minus; simpl. intros A B. rewrite dot_axpy, plus_IZR.
  replace (x - y - (-1 * dot (fst b) z + dot (fst a) z)) with ((x - dot (fst a) z) - (y - dot (fst b) z)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra.
Qed.

Lemma tells_nothing z : tells z no_entry 0.
Proof. unfold tells, no_entry, dot; simpl. rewrite Rminus_0_r, Rabs_R0. lra. Qed.

Lemma Forall2_length {A B} (P : A -> B -> Prop) a b : Forall2 P a b -> length a = length b.
Proof. induction 1; simpl; auto. Qed.

Lemma told_minus z es vs : told z es vs -> forall fs ws, told z fs ws ->
  told z (map2 minus es fs) (map2 Rminus vs ws).
Proof.
  induction 1; intros fs ws W; [constructor|]. destruct W; simpl; constructor; [apply tells_minus; assumption|].
  apply IHForall2; assumption.
Qed.

Lemma told_nth z es vs i : told z es vs -> tells z (nth i es no_entry) (nth i vs 0).
Proof.
  intros T. revert i. induction T; intros [|i]; simpl; try apply tells_nothing; [assumption | apply IHT].
Qed.

Lemma told_entries z sigma es vs : told z es vs -> told z (entries_of sigma es) (gathered sigma vs).
Proof.
  intros T. destruct sigma as [index|]; [|exact T]. simpl. unfold gather, told.
  induction index as [|j index IH]; simpl; constructor; [|exact IH].
  unfold nthz. destruct (j <? 0)%Z; [apply tells_nothing | apply told_nth; exact T].
Qed.

Lemma told_of_nth z es vs : length es = length vs ->
  (forall i, (i < length vs)%nat -> tells z (nth i es no_entry) (nth i vs 0)) -> told z es vs.
Proof.
  revert vs; induction es as [|e es IH]; intros [|v vs] L H; simpl in *; try discriminate; constructor.
  - apply (H 0%nat); lia.
  - apply IH; [lia|]. intros i I. apply (H (S i)); lia.
Qed.

(** ** Coordinates *)

(** The coordinate of x in [lo, hi]. *)
Definition position (lo hi : Z) (x : R) : R :=
  (x - IZR (middle lo hi)) / IZR (hi - middle lo hi).

Lemma middle_between lo hi x : IZR lo <= x <= IZR hi ->
  Rabs (x - IZR (middle lo hi)) <= IZR (hi - middle lo hi).
Proof.
  intros [A B]. assert (H : (lo <= hi)%Z) by (apply le_IZR; lra).
  assert (M : (middle lo hi <= hi /\ 2 * middle lo hi <= lo + hi)%Z).
  { unfold middle. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1)%Z with 2%Z.
    pose proof (Z.div_mod (lo + hi) 2). pose proof (Z.mod_pos_bound (lo + hi) 2). lia. }
  destruct M as [_ M2]. apply IZR_le in M2. rewrite mult_IZR, plus_IZR in M2.
  rewrite minus_IZR. apply Rabs_le. simpl in M2. lra.
Qed.

Lemma position_size lo hi x : IZR lo <= x <= IZR hi -> Rabs (position lo hi x) <= 1.
Proof.
  intros B. pose proof (middle_between lo hi x B) as M. unfold position.
  set (h := IZR (hi - middle lo hi)) in *. set (d := x - IZR (middle lo hi)) in *.
  destruct (Req_dec h 0) as [E | E].
  - replace d with 0; [unfold Rdiv; rewrite Rmult_0_l, Rabs_R0; lra|].
    rewrite E in M. pose proof (Rabs_pos d). symmetry. apply Rabs_eq_R0. lra.
  - assert (0 < h) by (pose proof (Rabs_pos d); lra). unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ h)).
    + apply (Rmult_le_reg_r h); [assumption|]. rewrite Rmult_assoc, Rinv_l by assumption. lra.
    + apply Rlt_le, Rinv_0_lt_compat. assumption.
Qed.

Lemma position_times lo hi x : IZR lo <= x <= IZR hi ->
  IZR (hi - middle lo hi) * position lo hi x = x - IZR (middle lo hi).
Proof.
  intros B. pose proof (middle_between lo hi x B) as M. unfold position.
  set (h := IZR (hi - middle lo hi)) in *. set (d := x - IZR (middle lo hi)) in *.
  destruct (Req_dec h 0) as [E | E]; [|field; assumption].
  assert (d = 0) as ->.
  { rewrite E in M. pose proof (Rabs_pos d). apply Rabs_eq_R0. lra. }
  unfold Rdiv. ring.
Qed.

Lemma dot_zeros n : forall c z, dot (repeat 0%Z n ++ [c]) z = IZR c * nth n z 0.
Proof.
  induction n as [|n IH]; intros c [|x z]; simpl; rewrite ?dot_nil_r, ?dot_cons, ?IH; try (unfold dot; simpl); lra.
Qed.

Lemma tells_coordinate z at_ lo hi x : (1 <= at_)%nat -> nth 0 z 0 = 1 -> IZR lo <= x <= IZR hi ->
  nth at_ z 0 = position lo hi x -> tells z (coordinate at_ lo hi) x.
Proof.
  intros A Z1 B E. unfold tells, coordinate; simpl. destruct z as [|z0 z]; [simpl in Z1; lra|]. simpl in Z1. subst z0.
  rewrite dot_cons, dot_zeros. replace (nth (at_ - 1) z 0) with (position lo hi x).
  - rewrite position_times by assumption. replace (x - _) with 0 by ring. rewrite Rabs_R0. lra.
  - rewrite <- E. destruct at_; [lia|]. simpl. rewrite Nat.sub_0_r. reflexivity.
Qed.
