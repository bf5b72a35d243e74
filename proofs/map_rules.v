(** What integer maps bound: products with the integer map of a fixed-point map enclose products with the map.

    The integer map and the real one are instances of one pattern, so that their entries correspond; the rest is
    interval arithmetic along rows. Spec: rules.md#integers; functions: maps.v. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
Import ListNotations.
Open Scope R_scope.

(** ** Maps of one shape whose entries are related *)

Inductive row_rel {A B} (P : A -> B -> Prop) : row A -> row B -> Prop :=
| rel_dense a b : Forall2 P a b -> row_rel P (Dense a) (Dense b)
| rel_sparse a b : Forall2 (fun x y => fst x = fst y /\ P (snd x) (snd y)) a b -> row_rel P (Sparse a) (Sparse b).

Inductive lmap_rel {A B} (P : A -> B -> Prop) : lmap A -> lmap B -> Prop :=
| rel_rows n a b : Forall2 (row_rel P) a b -> lmap_rel P (Rows n a) (Rows n b)
| rel_diag a b : Forall2 P a b -> lmap_rel P (Diag a) (Diag b).

Definition row_map {A B} (f : A -> B) (r : row A) : row B :=
  match r with Dense l => Dense (map f l) | Sparse l => Sparse (map (fun p => (fst p, f (snd p))) l) end.
Definition lmap_map {A B} (f : A -> B) (m : lmap A) : lmap B :=
  match m with Rows n rs => Rows n (map (row_map f) rs) | Diag l => Diag (map f l) end.

(** Every entry times k. *)
Definition scale_map (k : R) : lmap R -> lmap R := lmap_map (Rmult k).

(** W 2^-b <= m <= (W + w) 2^-b. *)
Definition entry_ok (w b W : Z) (m : R) : Prop := IZR W <= m * pow2 b <= IZR (W + w).

Definition int_means (im : intmap) (b : Z) (M : lmap R) : Prop :=
  (0 <= im_width im)%Z /\ map_ok (im_map im) = true /\ lmap_rel (entry_ok (im_width im) b) (im_map im) M.

(** ** Instances of a pattern correspond when their weights do *)

Section relations.
Context {A B : Type} (P : A -> B -> Prop).

Lemma Forall2_firstn n : forall a b, Forall2 P a b -> Forall2 P (firstn n a) (firstn n b).
Proof. induction n; intros a b H; destruct H; simpl; constructor; auto. Qed.

Lemma Forall2_skipn n : forall a b, Forall2 P a b -> Forall2 P (skipn n a) (skipn n b).
Proof. induction n; intros a b H; simpl; [assumption|]. destruct H; auto. Qed.

Lemma Forall2_chunk n count : forall a b, Forall2 P a b -> Forall2 (Forall2 P) (chunk count n a) (chunk count n b).
Proof.
  induction count; intros a b H; simpl; constructor;
    [apply Forall2_firstn | apply IHcount, Forall2_skipn]; assumption.
Qed.

Lemma joined_rel at_ : forall a b, Forall2 P a b ->
  Forall2 (fun x y => fst x = fst y /\ P (snd x) (snd y)) (joined at_ a) (joined at_ b).
Proof.
  induction at_ as [|[j|] at_ IH]; intros a b H; destruct H; simpl; try constructor; auto.
Qed.

End relations.

Lemma Forall2_flat_map {A B C D} (P : A -> B -> Prop) (Q : C -> D -> Prop) f g a b :
  Forall2 P a b -> (forall x y, P x y -> Forall2 Q (f x) (g y)) -> Forall2 Q (flat_map f a) (flat_map g b).
Proof. intros H F. induction H; simpl; [constructor|]. apply Forall2_app; auto. Qed.

Lemma Forall2_map {A B C D} (P : A -> B -> Prop) (Q : C -> D -> Prop) f g a b :
  Forall2 P a b -> (forall x y, P x y -> Q (f x) (g y)) -> Forall2 Q (map f a) (map g b).
Proof. intros H F. induction H; simpl; constructor; auto. Qed.

Lemma Forall2_refl {A} (P : A -> A -> Prop) l : (forall x, P x x) -> Forall2 P l l.
Proof. intros H. induction l; constructor; auto. Qed.

Lemma conv_rows_rel {A B} (P : A -> B -> Prop) g a b :
  Forall2 P a b -> Forall2 (row_rel P) (conv_rows g a) (conv_rows g b).
Proof.
  intros H. unfold conv_rows.
  set (per := (_ * _)%nat). set (outs := (cv_out g / cv_groups g)%nat).
  assert (C : Forall2 (Forall2 P) (chunk (cv_groups g) (outs * per) a) (chunk (cv_groups g) (outs * per) b))
    by (apply Forall2_chunk; assumption).
  revert C. generalize (chunk (cv_groups g) (outs * per) a), (chunk (cv_groups g) (outs * per) b).
  generalize (seq 0 (cv_groups g)).
  induction l as [|q l IH]; intros c d C; [constructor|]. destruct C as [|x y c d Hxy C]; [constructor|].
  simpl. apply Forall2_app; [|apply IH; assumption].
  eapply Forall2_flat_map; [apply Forall2_chunk, Hxy|]. intros u v Huv.
  eapply (Forall2_map eq); [apply Forall2_refl; reflexivity|]. intros i ? <-.
  constructor. apply joined_rel; assumption.
Qed.

Theorem instance_rel {A B} (P : A -> B -> Prop) p a b :
  Forall2 P a b -> lmap_rel P (instance p a) (instance p b).
Proof.
  intros H. destruct p as [n_out n_in | r | index n_in | g]; simpl; constructor.
  - eapply Forall2_map; [apply Forall2_chunk, H|]. intros; constructor; assumption.
  - eapply Forall2_flat_map; [exact H|]. intros x y Hxy. induction r; simpl; constructor; auto.
  - eapply (Forall2_map eq); [apply Forall2_refl; reflexivity|]. intros i ? <-.
    destruct (i <? 0)%Z; [repeat constructor|]. destruct H; repeat constructor; assumption.
  - apply conv_rows_rel; assumption.
Qed.

Lemma Forall2_eq_map {A B} (f : A -> B) a b : Forall2 (fun x y => y = f x) a b -> b = map f a.
Proof. induction 1; simpl; congruence. Qed.

Lemma Forall2_map_r {A B} (f : A -> B) a : Forall2 (fun x y => y = f x) a (map f a).
Proof. induction a; simpl; constructor; auto. Qed.

Lemma lmap_rel_map {A B} (f : A -> B) m n : lmap_rel (fun x y => y = f x) m n -> n = lmap_map f m.
Proof.
  intros [k a b H | a b H]; simpl; f_equal; [|apply Forall2_eq_map, H].
  induction H as [|r s a b Hr H IH]; simpl; f_equal; [|assumption].
  destruct Hr as [x y E | x y E]; simpl; f_equal; [apply Forall2_eq_map, E|].
  apply Forall2_eq_map. induction E as [|[i u] [j v] x y [E1 E2] E IE]; constructor; simpl in *; congruence.
Qed.

Theorem instance_map {A B} (f : A -> B) p l : instance p (map f l) = lmap_map f (instance p l).
Proof. apply lmap_rel_map, instance_rel, Forall2_map_r. Qed.

(** ** The integer map of a fixed-point map *)

Lemma fold_max_ge l : forall s, (s <= fold_left Z.max l s)%Z /\ Forall (fun x => (x <= fold_left Z.max l s)%Z) l.
Proof.
  induction l as [|x l IH]; intros s; simpl; [split; [lia | constructor]|].
  destruct (IH (Z.max s x)) as [H1 H2]. split; [lia|]. constructor; [lia | assumption].
Qed.

Lemma scale_down_le num den t x : (0 < den)%Z ->
  IZR (scale_down num den t x) <= IZR num / IZR den * IZR x * pow2 t.
Proof.
  intros D. unfold scale_down. eapply Rle_trans; [apply div_le, D|].
  assert (0 < IZR den) by (apply IZR_lt, D). pose proof (shift_down_le (num * x) t) as S.
  unfold shift_down in S. rewrite mult_IZR in S.
  apply Rle_trans with (IZR num * IZR x * pow2 t / IZR den); [|right; field; lra].
  unfold Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; assumption | assumption].
Qed.

Lemma scale_up_ge num den t x : (0 < den)%Z ->
  IZR num / IZR den * IZR x * pow2 t <= IZR (scale_up num den t x).
Proof.
  intros D. pose proof (scale_down_le (- num) den t x D) as S. unfold scale_down in S.
  unfold scale_up. rewrite opp_IZR. rewrite Z.mul_opp_l, opp_IZR in S. unfold Rdiv in *. lra.
Qed.

(** The interval of one weight, scaled. *)
Lemma scaled_weight num den bits h l u x : (0 < den)%Z -> IZR l <= x * pow2 h <= IZR u ->
  let '(a, b) := if (0 <=? num)%Z then (l, u) else (u, l) in
  IZR (scale_down num den (bits - h) a) <= IZR num / IZR den * x * pow2 bits
    <= IZR (scale_up num den (bits - h) b).
Proof.
  intros D [L U]. set (k := IZR num / IZR den). set (t := (bits - h)%Z).
  assert (E : k * x * pow2 bits = k * (x * pow2 h) * pow2 t).
  { replace bits with (h + t)%Z by (unfold t; lia). rewrite bpow_plus. ring. }
  assert (0 < IZR den) by (apply IZR_lt, D). pose proof (pow2_pos t) as T.
  assert (Inv : 0 < / IZR den) by (apply Rinv_0_lt_compat; assumption).
  rewrite E. destruct (Z.leb_spec 0 num) as [N | N].
  - apply IZR_le in N. assert (K : 0 <= k) by (unfold k, Rdiv; apply Rmult_le_pos; lra). split.
    + eapply Rle_trans; [apply scale_down_le, D|]. fold k.
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; assumption.
    + eapply Rle_trans; [|apply scale_up_ge, D]. fold k.
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; assumption.
  - apply IZR_lt in N. assert (K : k <= 0).
    { unfold k, Rdiv. rewrite <- (Rmult_0_l (/ IZR den)). apply Rmult_le_compat_r; lra. }
    split.
    + eapply Rle_trans; [apply scale_down_le, D|]. fold k.
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_neg_l; assumption.
    + eapply Rle_trans; [|apply scale_up_ge, D]. fold k.
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_neg_l; assumption.
Qed.

Theorem scaled_correct f M num den bits im :
  fm_means f M -> (0 < den)%Z -> scaled f num den bits = Some im ->
  int_means im bits (scale_map (IZR num / IZR den) M).
Proof.
  intros (m & Hm & ->) D. unfold scaled. set (k := IZR num / IZR den). set (t := (bits - fm_h f)%Z).
  set (ab := if (0 <=? num)%Z then (fm_lo f, fm_hi f) else (fm_hi f, fm_lo f)).
  assert (W : let '(a, b) := ab in
    Forall2 (fun x y => IZR (scale_down num den t (fst x)) <= k * y * pow2 bits <= IZR (scale_up num den t (snd x)))
      (combine a b) m /\ length a = length m /\ length b = length m).
  { pose proof (within_length _ _ _ Hm) as [L1 L2]. rewrite map_length in L1, L2.
    cut (let '(a, b) := ab in Forall2 (fun x y => IZR (scale_down num den t (fst x)) <= k * y * pow2 bits
           <= IZR (scale_up num den t (snd x))) (combine a b) m).
    { subst ab. destruct (0 <=? num)%Z; auto. }
    clear L1 L2. remember (map (fun x => x * pow2 (fm_h f)) m) as v eqn:E. revert m E. subst ab.
    induction Hm as [|l u x lo hi v B Hm IH]; intros [|y m] E; try discriminate;
      [destruct (0 <=? num)%Z; constructor|].
    injection E as Ex Ev. specialize (IH m Ev). rewrite Ex in B.
    pose proof (scaled_weight num den bits (fm_h f) l u y D B) as S. fold k t in S.
    destruct (0 <=? num)%Z; simpl; constructor; assumption. }
  destruct ab as [a b]. destruct W as (W & La & Lb).
  set (low := map (scale_down num den t) a).
  set (width := fold_left Z.max (map2 (fun x y => (scale_up num den t y - x)%Z) low b) 0%Z).
  destruct (map_ok (instance (fm_pattern f) low)) eqn:OK; [|discriminate].
  intros H; injection H as <-. unfold int_means; simpl.
  destruct (fold_max_ge (map2 (fun x y => (scale_up num den t y - x)%Z) low b) 0) as [W0 W1]. fold width in W0, W1.
  split; [assumption|]. split; [assumption|].
  unfold scale_map. rewrite <- instance_map. apply instance_rel.
  generalize dependent width. intros width _ W1. subst low. clear OK.
  assert (Forall2 (fun x y => (scale_up num den t y - scale_down num den t x <= width)%Z) a b).
  { rewrite <- La in Lb. clear - Lb W1. revert b Lb W1.
    induction a as [|x a IH]; intros [|y b] L W1; try discriminate; constructor; simpl in *; inversion W1; subst; auto. }
  clear - H La Lb W. revert m La Lb W.
  induction H as [|x y a b Hxy H IH]; intros [|z m] La Lb W; try discriminate; [constructor|].
  inversion W; subst; simpl in *. constructor; [|apply IH; auto].
  split; [tauto|]. eapply Rle_trans; [apply H3|]. apply IZR_le. lia.
Qed.

(** ** Lengths and linearity of the real map *)

Lemma map2_length {A B C} (f : A -> B -> C) a : forall b, length (map2 f a b) = Nat.min (length a) (length b).
Proof. induction a; intros [|y b]; simpl; auto. Qed.

Lemma apply_length M v :
  length (apply M v) = match M with Rows _ rs => length rs | Diag l => Nat.min (length l) (length v) end.
Proof. destruct M; simpl; [apply map_length | apply map2_length]. Qed.

Lemma dotR_add r : forall a b, length a = length b -> dotR r (map2 Rplus a b) = dotR r a + dotR r b.
Proof.
  induction r as [|k r IH]; intros [|x a] [|y b] L; simpl in *; try discriminate; try lra.
  rewrite IH by lia. lra.
Qed.

Lemma nth_add i : forall a b, length a = length b -> nth i (map2 Rplus a b) 0 = nth i a 0 + nth i b 0.
Proof. induction i; intros [|x a] [|y b] L; simpl in *; try discriminate; try lra. apply IHi; lia. Qed.

Lemma sdot_add r a b : length a = length b -> sdot r (map2 Rplus a b) = sdot r a + sdot r b.
Proof. intros L. induction r as [|[j k] r IH]; simpl; [lra|]. rewrite IH, nth_add by assumption. lra. Qed.

Lemma apply_add M a b i : length a = length b ->
  nth i (apply M (map2 Rplus a b)) 0 = nth i (apply M a) 0 + nth i (apply M b) 0.
Proof.
  intros L. destruct M as [n rs | l]; simpl.
  - revert i. induction rs as [|r rs IH]; intros [|i]; simpl; try lra; [|apply IH].
    destruct r; [apply dotR_add | apply sdot_add]; assumption.
  - revert a b i L. induction l as [|k l IH]; intros [|x a] [|y b] [|i] L; simpl in *; try discriminate; try lra.
    apply IH; lia.
Qed.

Theorem apply_above M lo hi z : within lo hi z -> forall i,
  nth i (apply M z) 0 = nth i (apply M (map IZR lo)) 0 + nth i (apply M (above lo z)) 0.
Proof.
  intros W i. assert (E : z = map2 Rplus (map IZR lo) (above lo z) /\ length (map IZR lo) = length (above lo z)).
  { induction W as [|l h x lo hi v B W [IH1 IH2]]; [split; reflexivity|]. unfold above in *; simpl; split.
    - rewrite <- IH1. f_equal. lra.
    - f_equal. exact IH2. }
  destruct E as [E L]. rewrite E at 1. apply apply_add, L.
Qed.

Lemma sdot_scale k l v : sdot (map (fun p => (fst p, k * snd p)) l) v = k * sdot l v.
Proof. induction l as [|[j a] l IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma dotR_scale k l : forall v, dotR (map (Rmult k) l) v = k * dotR l v.
Proof. induction l as [|a l IH]; intros [|x v]; simpl; try lra. rewrite IH. lra. Qed.

Theorem apply_scale k M v : apply (scale_map k M) v = map (Rmult k) (apply M v).
Proof.
  destruct M as [n rs | l]; simpl.
  - rewrite !map_map. apply map_ext. intros [l | l]; simpl; [apply dotR_scale | apply sdot_scale].
  - revert v. induction l as [|a l IH]; intros [|x v]; simpl; auto. rewrite IH. f_equal. lra.
Qed.

Lemma dot_scale k c : forall v, dot c (map (Rmult k) v) = k * dot c v.
Proof.
  induction c as [|a c IH]; intros [|x v]; simpl; rewrite ?dot_nil_r; try (unfold dot; simpl; lra).
  rewrite !dot_cons, IH. lra.
Qed.

(** ** Rows of integers times vectors of reals *)

Lemma skipn_more {A} j at_ (v : list A) : (at_ <= j)%nat -> skipn (j - at_) (skipn at_ v) = skipn j v.
Proof.
  revert j v. induction at_ as [|n IH]; intros [|j] v L; simpl; try lia; try reflexivity.
  destruct v; [destruct (j - n)%nat; reflexivity | apply IH; lia].
Qed.

Lemma skipn_nth j : forall v : list R,
  (skipn j v = [] /\ nth j v 0 = 0) \/ skipn j v = nth j v 0 :: skipn (S j) v.
Proof.
  induction j as [|j IH]; intros [|x v]; auto. destruct (IH v) as [H | H]; [left | right]; exact H.
Qed.

Lemma skipn_nil_more {A} j (v : list A) : skipn j v = [] -> skipn (S j) v = [].
Proof. revert v. induction j; intros [|x v] H; simpl in *; try discriminate; auto. Qed.

Definition reals_of (l : list (nat * Z)) : list (nat * R) := map (fun p => (fst p, IZR (snd p))) l.

Lemma dot_walk n f X : forall v, (forall acc, dot (f acc) (skipn n v) = X + dot acc (skipn n v)) ->
  forall acc, dot (walk n f acc) v = X + dot acc v.
Proof.
  induction n as [|n IH]; intros v H acc; [apply H|].
  destruct v as [|x v].
  - specialize (H []). simpl in H. rewrite !dot_nil_r in *. lra.
  - destruct acc as [|y acc]; simpl walk; rewrite !dot_cons, IH by exact H; unfold dot; simpl; lra.
Qed.

Lemma dot_axpy_sparse n k v l : forall at_ acc, ascending at_ n l = true ->
  dot (axpy_sparse k l at_ acc) (skipn at_ v) = IZR k * sdot (reals_of l) v + dot acc (skipn at_ v).
Proof.
  induction l as [|[j a] l IH]; intros at_ acc O; simpl axpy_sparse; [simpl; lra|].
  simpl in O. apply andb_prop in O as [O1 O]. apply andb_prop in O1 as [O1 _].
  apply Nat.leb_le in O1. simpl reals_of; simpl sdot.
  apply dot_walk. intros rest. rewrite skipn_more by assumption.
  destruct (skipn_nth j v) as [[E E0] | E].
  - pose proof (IH (S j) [] O) as Z. rewrite skipn_nil_more in Z by assumption.
    rewrite E, E0, !dot_nil_r in *. lra.
  - rewrite E. destruct rest as [|y rest]; rewrite !dot_cons, (IH (S j)) by assumption.
    + change (dot [] (skipn (S j) v)) with 0. change (dot [] (nth j v 0 :: skipn (S j) v)) with 0.
      rewrite mult_IZR. lra.
    + rewrite plus_IZR, mult_IZR. lra.
Qed.

(** sum_i c_i (row_i . v). *)
Lemma dot_pull_rows n v rs : forallb (row_ok n) rs = true -> forall c,
  dot (pull_rows c rs) v = dot c (map (fun r => rdot (row_map IZR r) v) rs).
Proof.
  induction rs as [|r rs IH]; intros O [|k c]; try reflexivity.
  simpl in O. apply andb_prop in O as [O1 O]. simpl map. rewrite dot_cons, <- (IH O). cbn [pull_rows].
  destruct (Z.eqb_spec k 0) as [-> | _]; [lra|].
  destruct r as [l | l]; simpl rdot.
  - rewrite dot_axpy. reflexivity.
  - apply (dot_axpy_sparse n k v l 0). exact O1.
Qed.

Definition ones (r : row Z) : row R := row_map (fun _ => 1) r.

Lemma ones_of_row r : row_map IZR (ones_of r) = ones r.
Proof. destruct r; simpl; unfold ones; simpl; rewrite map_map; reflexivity. Qed.

Lemma ones_ok n rs : forallb (row_ok n) rs = true -> forallb (row_ok n) (map ones_of rs) = true.
Proof.
  rewrite !forallb_forall. intros H r I. apply in_map_iff in I as (s & <- & I). specialize (H s I).
  destruct s as [l | l]; simpl in *; [rewrite map_length; assumption|].
  clear I. revert H. generalize 0%nat. induction l as [|[j a] l IH]; intros m; simpl; [auto|].
  rewrite !Bool.andb_true_iff. intros (L1 & L2). split; [assumption | apply IH; assumption].
Qed.

Lemma negpart_nonpos x : IZR (negpart x) <= 0.
Proof. apply IZR_le. unfold negpart. lia. Qed.

Lemma fold_negpart c : forall s, (fold_left (fun s x => s + negpart x) c s = s + fold_left (fun s x => s + negpart x) c 0)%Z.
Proof. induction c as [|x c IH]; intros s; simpl; [lia|]. rewrite (IH (s + _)%Z), (IH (negpart x)). lia. Qed.

(** Dense rows have at most n entries: one sum over n of them is below the sums over each. *)
Lemma ones_le n s v : Forall (fun x => 0 <= x) v -> s <= 0 -> forall l : list Z, (length l <= n)%nat ->
  s * dotR (map (fun _ => 1) (repeat 1%Z n)) v <= s * rdot (ones (Dense l)) v.
Proof.
  intros P S. unfold ones; simpl. revert v P. induction n as [|n IH]; intros v P l L.
  - destruct l; [simpl; lra | simpl in L; lia].
  - destruct v as [|x v]; [rewrite !dotR_nil_r; lra|]. inversion P; subst.
    destruct l as [|a l]; simpl in *.
    + specialize (IH v H2 [] ltac:(simpl; lia)). simpl in IH. assert (s * x <= 0 * x) by (apply Rmult_le_compat_r; lra). lra.
    + specialize (IH v H2 l ltac:(lia)). lra.
Qed.

Lemma dot_repeat n s v : dot (repeat s n) v = IZR s * dotR (map (fun _ => 1) (repeat 1%Z n)) v.
Proof.
  revert v. induction n as [|n IH]; intros [|x v]; try (unfold dot; simpl; lra).
  simpl repeat. rewrite dot_cons, IH. simpl. lra.
Qed.

Lemma dot_pull_ones n v rs c : forallb (row_ok n) rs = true -> Forall (fun x => 0 <= x) v ->
  dot (pull_ones n c rs) v <= dot (map negpart c) (map (fun r => rdot (ones r) v) rs).
Proof.
  intros O P. unfold pull_ones. destruct (all_dense rs) eqn:D.
  - rewrite dot_repeat. revert c D O. induction rs as [|r rs IH]; intros [|k c] D O; simpl; try (unfold dot; simpl; lra).
    simpl in D, O. apply andb_prop in D as [D1 D], O as [O1 O]. rewrite dot_cons.
    specialize (IH c D O). rewrite fold_negpart, plus_IZR. destruct r as [l | l]; [|discriminate].
    pose proof (ones_le n (IZR (negpart k)) v P (negpart_nonpos k) l ltac:(apply Nat.leb_le; exact O1)). lra.
  - rewrite (dot_pull_rows n) by (apply ones_ok; assumption). rewrite map_map.
    right. f_equal. apply map_ext. intros r. rewrite ones_of_row. reflexivity.
Qed.

(** A row of integers and a row of reals, on vectors that are not negative. *)
Lemma row_between w b r s v : row_rel (entry_ok w b) r s -> Forall (fun x => 0 <= x) v ->
  rdot (row_map IZR r) v <= pow2 b * rdot s v <= rdot (row_map IZR r) v + IZR w * rdot (ones r) v.
Proof.
  intros H P. assert (E : forall W m x, entry_ok w b W m -> 0 <= x ->
    IZR W * x <= pow2 b * (m * x) <= IZR W * x + IZR w * (1 * x)).
  { intros W m x [H1 H2] X. rewrite plus_IZR in H2. split.
    - apply Rle_trans with (m * pow2 b * x); [apply Rmult_le_compat_r; assumption | lra].
    - apply Rle_trans with (m * pow2 b * x); [lra|]. apply Rle_trans with ((IZR W + IZR w) * x); [|lra].
      apply Rmult_le_compat_r; assumption. }
  destruct H as [l m H | l m H]; unfold ones; simpl.
  - revert v P. induction H as [|W y l m HW H IH]; intros [|x v] P; simpl; try lra.
    inversion P; subst. specialize (IH v H3). specialize (E W y x HW H2). lra.
  - induction H as [|[i W] [j y] l m [E1 HW] H IH]; simpl in *; [lra|]. subst j.
    specialize (E W y (nth i v 0) HW). assert (0 <= nth i v 0).
    { destruct (Nat.lt_ge_cases i (length v)) as [L | L]; [|rewrite nth_overflow by assumption; lra].
      rewrite Forall_forall in P. apply P, nth_In, L. }
    specialize (E H0). lra.
Qed.

Theorem pull_le im b M c v : int_means im b M -> Forall (fun x => 0 <= x) v ->
  dot (pull_below im c) v <= pow2 b * dot c (apply M v).
Proof.
  intros (W0 & OK & H) P. unfold pull_below. set (w := im_width im) in *. apply IZR_le in W0.
  destruct H as [n rs ss H | l m H]; simpl in OK |- *.
  - assert (T : dot c (map (fun r => rdot (row_map IZR r) v) rs)
                + IZR w * dot (map negpart c) (map (fun r => rdot (ones r) v) rs)
                <= pow2 b * dot c (map (fun r => rdot r v) ss)).
    { clear OK. revert c. induction H as [|r s rs ss Hr H IH]; intros [|k c]; try (unfold dot; simpl; lra).
      simpl map. rewrite !dot_cons. specialize (IH c). pose proof (row_between w b r s v Hr P) as [B1 B2].
      change (negpart k) with (Z.min k 0). destruct (Z.min_spec k 0) as [[L ->] | [L ->]].
      - apply IZR_lt in L. assert (IZR k * (rdot (row_map IZR r) v + IZR w * rdot (ones r) v) <= IZR k * (pow2 b * rdot s v))
          by (apply Rmult_le_compat_neg_l; lra). lra.
      - apply IZR_le in L.
        assert (IZR k * rdot (row_map IZR r) v <= IZR k * (pow2 b * rdot s v)) by (apply Rmult_le_compat_l; lra). lra. }
    destruct (Z.eqb_spec w 0) as [E | _].
    + rewrite (dot_pull_rows n) by assumption. rewrite E in T. lra.
    + rewrite dot_axpy, (dot_pull_rows n) by assumption. eapply Rle_trans; [|exact T].
      rewrite Rplus_comm. apply Rplus_le_compat_l, Rmult_le_compat_l; [assumption|].
      apply dot_pull_ones; assumption.
  - clear OK. assert (T : dot (map2 (fun x y => (x + w * negpart y)%Z) (map2 Z.mul c l) c) v
      <= pow2 b * dot c (map2 Rmult m v)).
    { revert c v P. induction H as [|W y l m [H1 H2] H IH]; intros [|k c] [|x v] P; rewrite ?dot_nil_r;
      try (unfold dot; simpl; lra).
      inversion P; subst. simpl map2. rewrite !dot_cons, plus_IZR, !mult_IZR. specialize (IH c v H5).
      rewrite plus_IZR in H2. change (negpart k) with (Z.min k 0). destruct (Z.min_spec k 0) as [[L ->] | [L ->]].
      - apply IZR_lt in L. assert (IZR k * (IZR W + IZR w) * x <= IZR k * (y * pow2 b) * x).
        { apply Rmult_le_compat_r; [assumption|]. apply Rmult_le_compat_neg_l; lra. } fold w. lra.
      - apply IZR_le in L. assert (IZR k * IZR W * x <= IZR k * (y * pow2 b) * x).
        { apply Rmult_le_compat_r; [assumption|]. apply Rmult_le_compat_l; lra. } lra. }
    destruct (Z.eqb_spec w 0) as [E | _]; [|exact T].
    eapply Rle_trans; [|exact T]. right. f_equal. rewrite E. clear. revert l.
    induction c as [|k c IH]; intros [|W l]; simpl; auto. rewrite <- IH. f_equal. lia.
Qed.

(** ** Images *)

Section images.
Variables (n : nat) (b : Z) (P : Z -> R -> Prop) (Q : Z -> R -> Prop) (f g : Z -> Z -> Z).
Hypothesis between : forall W m x y, P W m -> Q x y -> IZR (f W x) <= m * y * pow2 b <= IZR (g W x).

Lemma row_sum_between r s v z : row_ok n r = true -> row_rel P r s -> Forall2 Q v z ->
  IZR (row_sum f v r) <= rdot s z * pow2 b <= IZR (row_sum g v r).
Proof.
  intros O H V. destruct H as [l m H | l m H]; simpl in *.
  - clear O. revert v z V. induction H as [|W y l m HW H IH]; intros v z V; destruct V as [|u t v z Hu V]; simpl; try lra.
    rewrite !plus_IZR. specialize (IH v z V). specialize (between W y u t HW Hu). lra.
  - assert (T : forall at_, ascending at_ n l = true ->
      IZR (row_sum_sparse f l at_ (skipn at_ v)) <= sdot m z * pow2 b <= IZR (row_sum_sparse g l at_ (skipn at_ v))
      /\ (skipn at_ v = [] -> sdot m z = 0)).
    { clear O. induction H as [|[j W] [i y] l m [E HW] H IH]; intros at_ O; simpl in *; [split; [lra | auto]|]. subst i.
      apply andb_prop in O as [O1 O]. apply andb_prop in O1 as [O1 _]. apply Nat.leb_le in O1.
      destruct (IH (S j) O) as [IH1 IH2]. rewrite skipn_more by assumption.
      pose proof (Forall2_skipn Q j v z V) as F.
      destruct (skipn_nth j z) as [[Ez E0] | Ez].
      - rewrite Ez in F. inversion F as [E1 |]. symmetry in E1. rewrite E0, IH2 by (apply skipn_nil_more, E1).
          split; intros; lra.
      - rewrite Ez in F. inversion F as [|x t v' z' Hx Hv E1 E2]. subst t z'. symmetry in E1.
        assert (E3 : v' = skipn (S j) v).
        { clear - E1. revert v E1. induction j as [|j IHj]; intros [|a v] E1; simpl in *; try discriminate; [congruence|].
          apply (IHj v E1). }
        rewrite E3, !plus_IZR. specialize (between W y x (nth j z 0) HW Hx). split; [lra|].
        intros E4. rewrite <- (skipn_more j at_ v O1), E4 in E1. destruct (j - at_)%nat; discriminate. }
    apply (T 0%nat O).
Qed.

Lemma image_by_between M m v z : map_ok m = true -> in_size m = n -> lmap_rel P m M -> Forall2 Q v z ->
  within (image_by f m v) (image_by g m v) (map (fun x => x * pow2 b) (apply M z)).
Proof.
  intros O N H V. destruct H as [k rs ss H | l s H]; simpl in *.
  - subst k. induction H as [|r s rs ss Hr H IH]; simpl in *; [constructor|].
    apply andb_prop in O as [O1 O]. constructor; [apply row_sum_between; assumption | auto].
  - revert v z V. clear - H between. induction H as [|W y l m HW H IH]; intros v z V; simpl; [constructor|].
    destruct V; simpl; constructor; auto.
Qed.

End images.

(** Sums of two functions along the rows of one map. *)
Lemma image_by_add w f g m v :
  map2 (fun x y => (x + w * y)%Z) (image_by f m v) (image_by g m v) = image_by (fun a x => (f a x + w * g a x)%Z) m v.
Proof.
  destruct m as [n rs | l]; simpl.
  - induction rs as [|r rs IH]; simpl; [reflexivity|]. f_equal; [|assumption].
    clear IH. destruct r as [l | l]; simpl.
    + revert v. induction l as [|a l IHl]; intros [|x v]; simpl; try lia. rewrite <- IHl. lia.
    + assert (forall at_ v, (row_sum_sparse f l at_ v + w * row_sum_sparse g l at_ v
        = row_sum_sparse (fun a x => f a x + w * g a x) l at_ v)%Z); [|apply H].
      clear. induction l as [|[j a] l IHl]; intros at_ v; simpl; [lia|].
      destruct (skipn (j - at_) v); [lia|]. rewrite <- IHl. lia.
  - revert v. induction l as [|a l IH]; intros [|x v]; simpl; auto. f_equal; auto.
Qed.

Lemma Forall2_IZR v : Forall2 (fun x y => y = IZR x) v (map IZR v).
Proof. induction v; constructor; auto. Qed.

Theorem image_means im b M v lo hi : int_means im b M -> image im v = (lo, hi) ->
  within lo hi (map (fun x => x * pow2 b) (apply M (map IZR v))).
Proof.
  intros (W0 & OK & H) E. unfold image in E. apply IZR_le in W0.
  assert (T : within (image_by (fun a x => a * x + im_width im * negpart x)%Z (im_map im) v)
                     (image_by (fun a x => a * x + im_width im * pospart x)%Z (im_map im) v)
                     (map (fun x => x * pow2 b) (apply M (map IZR v)))).
  { eapply image_by_between; [|exact OK | reflexivity | exact H | apply Forall2_IZR].
    intros W m x y [H1 H2] ->. simpl. rewrite !plus_IZR, !mult_IZR in *.
    set (e := m * pow2 b - IZR W). replace (m * IZR x * pow2 b) with (IZR W * IZR x + e * IZR x) by (unfold e; ring).
    assert (0 <= e <= IZR (im_width im)) by (unfold e; lra).
    unfold negpart, pospart. rewrite (Z.max_comm x 0). destruct (Z.min_spec x 0) as [[L ->] | [L ->]].
    - rewrite Z.max_l by lia. apply IZR_lt in L. split.
      + assert (IZR x * IZR (im_width im) <= IZR x * e) by (apply Rmult_le_compat_neg_l; lra). lra.
      + assert (e * IZR x <= e * 0) by (apply Rmult_le_compat_l; lra). lra.
    - rewrite Z.max_r by lia. apply IZR_le in L. split.
      + assert (e * 0 <= e * IZR x) by (apply Rmult_le_compat_l; lra). lra.
      + apply Rplus_le_compat_l, Rmult_le_compat_r; lra. }
  rewrite <- !(image_by_add _ Z.mul) in T.
  destruct (Z.eqb_spec (im_width im) 0) as [E0 | _]; injection E as <- <-; [|exact T].
  rewrite E0 in T. assert (S : forall a c : list Z, length a = length c -> map2 (fun x y => (x + 0 * y)%Z) a c = a).
  { clear. induction a as [|x a IH]; intros [|y c] L; simpl in *; try discriminate; auto. rewrite IH by lia. f_equal. lia. }
  assert (L : forall f g, length (image_by f (im_map im) v) = length (image_by g (im_map im) v)).
  { intros. destruct (im_map im); simpl; [rewrite !map_length | rewrite !map2_length]; reflexivity. }
  rewrite !S in T by apply L. exact T.
Qed.

Theorem range_means im b M r v lo hi : int_means im b M -> within (map (fun _ => 0%Z) r) r v ->
  image_of_range im r = (lo, hi) -> within lo hi (map (fun x => x * pow2 b) (apply M v)).
Proof.
  intros (W0 & OK & H) V E. unfold image_of_range in E. injection E as <- <-.
  eapply (image_by_between _ b _ (fun x y => 0 <= y <= IZR x)); [|exact OK | reflexivity | exact H |].
  - intros W m x y [H1 H2] Y. rewrite !mult_IZR.
    assert (N : IZR (negpart W) <= m * pow2 b) by (eapply Rle_trans; [apply IZR_le, Z.le_min_l | exact H1]).
    assert (Q : m * pow2 b <= IZR (pospart (W + im_width im))) by (eapply Rle_trans; [exact H2 | apply IZR_le, Z.le_max_l]).
    pose proof (negpart_nonpos W). assert (0 <= IZR (pospart (W + im_width im))) by (apply IZR_le; unfold pospart; lia).
    replace (m * y * pow2 b) with (m * pow2 b * y) by ring. split.
    + apply Rle_trans with (IZR (negpart W) * y); [apply Rmult_le_compat_neg_l; lra | apply Rmult_le_compat_r; lra].
    + apply Rle_trans with (IZR (pospart (W + im_width im)) * y); [apply Rmult_le_compat_r;
        lra | apply Rmult_le_compat_l; lra].
  - clear - V. remember (map (fun _ => 0%Z) r) as o eqn:E. revert E.
    generalize r at 1 as t. induction V as [|l h x lo hi v B V IH]; intros t E; [constructor|].
    destruct t; [discriminate|]. injection E as -> E. constructor; eauto.
Qed.

(** ** The same for the fixed-point map *)

Section fixed.
Variables (f : fixedmap) (M : lmap R) (num den bits : Z) (im : intmap).
Hypotheses (means : fm_means f M) (positive : (0 < den)%Z) (made : scaled f num den bits = Some im).

Theorem pull_below_le c v : Forall (fun x => 0 <= x) v ->
  dot (pull_below im c) v <= pow2 bits * (IZR num / IZR den) * dot c (apply M v).
Proof.
  intros P. eapply Rle_trans; [eapply pull_le; [eapply scaled_correct; eassumption | assumption]|].
  rewrite apply_scale, dot_scale. lra.
Qed.

Theorem image_within v lo hi : image im v = (lo, hi) ->
  within lo hi (map (fun x => x * (IZR num / IZR den) * pow2 bits) (apply M (map IZR v))).
Proof.
  intros E. pose proof (image_means im bits _ v lo hi (scaled_correct _ _ _ _ _ _ means positive made) E) as W.
  rewrite apply_scale, map_map in W. erewrite map_ext; [exact W|]. intros x; simpl. lra.
Qed.

Theorem image_of_range_within r v lo hi : within (map (fun _ => 0%Z) r) r v -> image_of_range im r = (lo, hi) ->
  within lo hi (map (fun x => x * (IZR num / IZR den) * pow2 bits) (apply M v)).
Proof.
  intros V E. pose proof (range_means im bits _ r v lo hi (scaled_correct _ _ _ _ _ _ means positive made) V E) as W.
  rewrite apply_scale, map_map in W. erewrite map_ext; [exact W|]. intros x; simpl. lra.
Qed.

End fixed.
