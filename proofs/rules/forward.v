(** Rule *forward*: the interval image of a block. Spec: rules.md#forward and #blocks.

    A relation is taken apart at the lower bounds of its sources: v = base + sum of M n', n' = n - lo >= 0. The base is
    enclosed once for each leaf (its constant); the rest is a sum over the ranges of the sources. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans map_rules.
From Certify.rules Require Import difference.
Import ListNotations.
Open Scope Z_scope.

(** (lower, upper) of b with [bits] fraction bits. *)
Definition bias_bounds (bits scale : Z) (n : nat) (bias : option (list Z * list Z * Z)) : list Z * list Z :=
  match bias with
  | None => (repeat 0 n, repeat 0 n)
  | Some (lo, hi, h) => let t := scale + bits - h in (map (fun x => shift_down x t) lo, map (fun x => shift_up x t) hi)
  end.

(** The constant k: b + sum of M lo, with g fraction bits; maps prepared with g bits. *)
Definition constant (g : Z) (bias : option (list Z * list Z * Z)) (scale : Z) (n : nat) (maps : list (intmap * nat))
    (bd : bounds) : list Z * list Z :=
  fold_left (fun k m => let '(a, b) := maps.image (fst m) (lows bd (snd m)) in
                        (map2 Z.add (fst k) a, map2 Z.add (snd k) b)) maps (bias_bounds g scale n bias).

Definition block_constant (g : Z) (blk : block) (maps : list (intmap * nat)) (bd : bounds) : list Z * list Z :=
  match relation_of blk with
  | None => ([], [])
  | Some r => constant g (rl_bias r) (bk_scale blk) (bk_size blk) maps bd
  end.

(** For each block that [bd] covers its constant, as lower end and width. *)
Definition constants (g : Z) (blocks : list block) (maps : prepared) (bd : bounds) : list (list Z * list Z) :=
  map2 (fun blk m => let k := block_constant g blk m bd in (fst k,
    subz (snd k) (fst k))) (firstn (length (bd_lo bd)) blocks) maps.

(** The interval image of a relation, from its constant; maps prepared with q bits. *)
Definition image (q g : Z) (maps : list (intmap * nat)) (const : list Z * list Z) (bd : bounds) : list Z * list Z :=
  fold_left (fun k m =>
      let '(down, up) := image_of_range (fst m) (subz (highs bd (snd m)) (lows bd (snd m))) in
      (map2 (fun x y => x + shift_down y (- q)) (fst k) down, map2 (fun x y => x + shift_up y (- q)) (snd k) up))
    maps (map (fun x => shift_down x (- g)) (fst const), map (fun x => shift_up x (- g)) (snd const)).

(** Bounds of a relu, free or affine block. *)
Definition enclose (q g : Z) (blk : block) (maps_q maps_g : list (intmap * nat)) (bd : bounds) : list Z * list Z :=
  match bk_kind blk with
  | KRelu s => (map pospart (lows bd s), map pospart (highs bd s))
  | KFree s => (lows bd s, highs bd s)
  | _ => image q g maps_q (block_constant g blk maps_g bd) bd
  end.

(** ** Soundness *)

Open Scope R_scope.

(** Close a goal by a fact about the same list, written by another function of the index. *)
Ltac by_ext W :=
  match goal with |- within _ _ (map ?f ?l) =>
    match type of W with within _ _ (map ?g _) => replace (map f l) with (map g l); [exact W | apply map_ext] end end.

Lemma prepare_inv bits t terms maps : prepare bits (t :: terms) = Some maps ->
  exists m ms, maps = (m, rt_source t) :: ms /\ scaled (rt_map t) (rt_num t) (rt_den t) (rt_shift t + bits) = Some m
               /\ prepare bits terms = Some ms.
Proof.
  simpl. destruct (scaled _ _ _ _) as [m|]; [|discriminate]. destruct (prepare bits terms) as [ms|]; [|discriminate].
  intros H; injection H as <-. eauto.
Qed.

Lemma map_nth_seq (l : list R) : map (fun i => nth i l 0) (seq 0 (length l)) = l.
Proof.
  induction l as [|x l IH]; simpl; [reflexivity|]. f_equal. rewrite <- seq_shift, map_map. exact IH.
Qed.

Lemma map2_map_seq (f : R -> R -> R) (a b : nat -> R) l : map2 f (map a l) (map b l) = map (fun i => f (a i) (b i)) l.
Proof. induction l as [|i l IH]; simpl; [reflexivity | rewrite IH; reflexivity]. Qed.

Lemma within_add lo hi a : within lo hi a -> forall lo' hi' b, within lo' hi' b -> length a = length b ->
  within (map2 Z.add lo lo') (map2 Z.add hi hi') (map2 Rplus a b).
Proof.
  induction 1 as [|l h x lo hi a B W IH]; intros lo' hi' b W' L; destruct W'; try discriminate; simpl; constructor.
  - rewrite !plus_IZR. lra.
  - apply IH; [assumption | simpl in L; lia].
Qed.

Lemma within_shift lo hi a t : within lo hi a ->
  within (map (fun x => shift_down x t) lo) (map (fun x => shift_up x t) hi) (map (fun x => x * pow2 t) a).
Proof.
  induction 1 as [|l h x lo hi a B W IH]; simpl; constructor; [|exact IH]. pose proof (pow2_pos t). split.
  - eapply Rle_trans; [apply shift_down_le|]. apply Rmult_le_compat_r; lra.
  - eapply Rle_trans; [|apply shift_up_ge]. apply Rmult_le_compat_r; lra.
Qed.

(** The part of the facts about terms that needs no values: their maps, and sizes at the sources' bounds. *)
Definition terms_mean (n : nat) (vals : list (list R)) (terms : list rterm) (Ms : list (lmap R)) : Prop :=
  Forall2 (fun t M => fm_means (rt_map t) M /\ (0 < rt_den t)%Z /\ length (apply M (values vals (rt_source t))) = n)
    terms Ms.

Definition covered (bd : bounds) (terms : list rterm) : Prop :=
  Forall (fun t => (rt_source t < length (bd_lo bd))%nat) terms.

Lemma apply_same_length M u v : length u = length v -> length (apply M u) = length (apply M v).
Proof. intros L. rewrite !apply_length. destruct M; [reflexivity | rewrite L; reflexivity]. Qed.

Lemma factor_shift t k : rt_factor t * pow2 k = IZR (rt_num t) / IZR (rt_den t) * pow2 (rt_shift t + k).
Proof. unfold rt_factor. rewrite bpow_plus. lra. Qed.

Lemma image_at_lows bd vals n g : bounds_hold bd vals -> forall terms Ms maps k (a : nat -> R),
  terms_mean n vals terms Ms -> covered bd terms -> prepare g terms = Some maps ->
  within (fst k) (snd k) (map (fun i => a i * pow2 g) (seq 0 n)) ->
  let r := fold_left (fun k (m : intmap * nat) => let '(x, y) := maps.image (fst m) (lows bd (snd m)) in
                        (map2 Z.add (fst k) x, map2 Z.add (snd k) y)) maps k in
  within (fst r) (snd r) (map (fun i => (a i + terms_at i terms Ms (fun s => map IZR (lows bd s))) * pow2 g) (seq 0 n)).
Proof.
  intros B. induction terms as [|t terms IH]; intros Ms maps k a T C P W; inversion T as [|? M ? Ms' TM T']; subst.
  - injection P as <-. simpl. by_ext W. intros i. simpl. f_equal. lra.
  - destruct (prepare_inv _ _ _ _ P) as (m & ms & -> & S & P'). inversion C as [|? ? C1 C2]; subst.
    destruct TM as (F & D & L). cbn [fold_left fst snd]. destruct (maps.image m (lows bd (rt_source t))) as [x y] eqn:E.
    pose proof (image_within _ _ _ _ _ _ F D S _ _ _ E) as I.
    assert (WS : within (lows bd (rt_source t)) (highs bd (rt_source t)) (values vals (rt_source t))) by (apply B; exact C1).
    destruct (within_length _ _ _ WS) as [L1 _].
    assert (L2 : length (apply M (map IZR (lows bd (rt_source t)))) = n).
    { rewrite <- L. apply apply_same_length. rewrite map_length. exact L1. }
    cbv zeta. cbn [fst snd].
    assert (W2 : within (map2 Z.add (fst k) x) (map2 Z.add (snd k) y)
       (map (fun i => (a i + rt_factor t * nth i (apply M (map IZR (lows bd (rt_source t)))) 0) * pow2 g) (seq 0 n))).
    { rewrite <- (map_nth_seq (apply M (map IZR (lows bd (rt_source t))))), L2, map_map in I.
      pose proof (within_add _ _ _ W _ _ _ I ltac:(rewrite !map_length; reflexivity)) as W3.
      rewrite map2_map_seq in W3. by_ext W3. intros i. simpl.
      unfold rt_factor. rewrite bpow_plus. unfold Rdiv. ring. }
    specialize (IH Ms' ms (map2 Z.add (fst k) x, map2 Z.add (snd k) y) _ T' C2 P' W2). cbv zeta in IH.
    by_ext IH. intros i. simpl. f_equal. lra.
Qed.

Lemma bias_bounds_within bits scale n bias beta : bias_means bias scale n beta ->
  within (fst (bias_bounds bits scale n bias)) (snd (bias_bounds bits scale n bias)) (map (fun i => nth i beta 0 * pow2
    bits) (seq 0 n)).
Proof.
  destruct bias as [[[lo hi] h]|]; simpl.
  - intros [L W]. apply (within_shift _ _ _ (scale + bits - h)) in W. rewrite map_map in W.
    rewrite <- (map_nth_seq beta), L, map_map in W. by_ext W. intros i. simpl.
    rewrite Rmult_assoc, <- bpow_plus. do 2 f_equal. lia.
  - intros ->. assert (Z0 : forall i, nth i (repeat 0 n) 0 = 0).
    { clear. induction n as [|n IH]; intros [|i]; simpl; auto. }
    erewrite map_ext; [|intros i; rewrite Z0, Rmult_0_l; reflexivity]. generalize 0%nat.
    clear. induction n as [|n IH]; intros k; simpl; constructor; [simpl; lra | apply IH].
Qed.

(** Base of a relation: its value where every source is at its lower bound. *)
Definition base_at (bd : bounds) (terms : list rterm) (Ms : list (lmap R)) (beta : list R) (i : nat) : R :=
  nth i beta 0 + terms_at i terms Ms (fun s => map IZR (lows bd s)).

Theorem constant_within bd vals n g scale bias terms Ms maps beta : bounds_hold bd vals -> terms_mean n vals terms Ms ->
  covered bd terms -> prepare g terms = Some maps -> bias_means bias scale n beta ->
  within (fst (constant g bias scale n maps bd)) (snd (constant g bias scale n maps bd))
         (map (fun i => base_at bd terms Ms beta i * pow2 g) (seq 0 n)).
Proof.
  intros B T C P H. unfold constant, base_at.
    apply (image_at_lows bd vals n g B terms Ms maps _ (fun i => nth i beta 0) T C P).
  apply bias_bounds_within. exact H.
Qed.

Lemma terms_split bd vals n i : bounds_hold bd vals -> forall terms Ms, terms_mean n vals terms Ms -> covered bd terms ->
  terms_at i terms Ms (values vals)
  = terms_at i terms Ms (fun s => map IZR (lows bd s)) + terms_at i terms Ms (fun s => above (lows bd s) (values vals s)).
Proof.
  intros B. induction terms as [|t terms IH]; intros Ms T C; inversion T as [|? M ? Ms' TM T']; subst; simpl; [lra|].
  inversion C as [|? ? C1 C2]; subst.
  assert (W : within (lows bd (rt_source t)) (highs bd (rt_source t)) (values vals (rt_source t))) by (apply B; exact C1).
  rewrite (IH _ T' C2), (apply_above _ _ _ _ W). lra.
Qed.

Lemma above_range lo hi v : within lo hi v -> within (map (fun _ => 0%Z) (subz hi lo)) (subz hi lo) (above lo v).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; unfold above; simpl; constructor; [|exact IH]. rewrite minus_IZR. lra.
Qed.

Lemma above_length lo hi v : within lo hi v -> length (above lo v) = length v.
Proof. induction 1; unfold above in *; simpl; auto. Qed.

Lemma image_of_ranges bd vals n q : bounds_hold bd vals -> forall terms Ms maps k (a : nat -> R),
  terms_mean n vals terms Ms -> covered bd terms -> prepare q terms = Some maps ->
  within (fst k) (snd k) (map a (seq 0 n)) ->
  let r := fold_left (fun k (m : intmap * nat) =>
      let '(down, up) := image_of_range (fst m) (subz (highs bd (snd m)) (lows bd (snd m))) in
      (map2 (fun x y => (x + shift_down y (- q))%Z) (fst k) down,
        map2 (fun x y => (x + shift_up y (- q))%Z) (snd k) up)) maps k in
  within (fst r) (snd r) (map (fun i => a i + terms_at i terms Ms (fun s => above (lows bd s) (values vals s))) (seq 0 n)).
Proof.
  intros B. induction terms as [|t terms IH]; intros Ms maps k a T C P W; inversion T as [|? M ? Ms' TM T']; subst.
  - injection P as <-. simpl. by_ext W. intros i. simpl. lra.
  - destruct (prepare_inv _ _ _ _ P) as (m & ms & -> & S & P'). inversion C as [|? ? C1 C2]; subst.
    destruct TM as (F & D & L). cbn [fold_left fst snd].
    assert (WS : within (lows bd (rt_source t)) (highs bd (rt_source t)) (values vals (rt_source t))) by (apply B; exact C1).
    destruct (image_of_range m (subz (highs bd (rt_source t)) (lows bd (rt_source t)))) as [x y] eqn:E.
    pose proof (image_of_range_within _ _ _ _ _ _ F D S _ _ _ _ (above_range _ _ _ WS) E) as I.
    assert (L2 : length (apply M (above (lows bd (rt_source t)) (values vals (rt_source t)))) = n).
    { rewrite <- L. apply apply_same_length. eapply above_length; exact WS. }
    cbv zeta. cbn [fst snd].
    set (z := above (lows bd (rt_source t)) (values vals (rt_source t))) in *.
    apply (within_shift _ _ _ (- q)) in I. rewrite map_map, <- (map_nth_seq (apply M z)), L2, map_map in I.
    pose proof (within_add _ _ _ W _ _ _ I ltac:(rewrite !map_length; reflexivity)) as W3. rewrite map2_map_seq in W3.
    assert (M2 : forall (f : Z -> Z) u v, map2 (fun x y => (x + f y)%Z) u v = map2 Z.add u (map f v)).
    { clear. intros f. induction u as [|x u IH]; intros [|y v]; simpl; try reflexivity. rewrite IH. reflexivity. }
    rewrite (M2 (fun y => shift_down y (- q))), (M2 (fun y => shift_up y (- q))).
    specialize (IH Ms' ms (map2 Z.add (fst k) (map (fun x => shift_down x (- q)) x),
      map2 Z.add (snd k) (map (fun x => shift_up x (- q)) y))
                  (fun i => a i + rt_factor t * nth i (apply M z) 0) T' C2 P').
    cbv zeta in IH. cbn [fst snd] in IH.
    assert (W4 : within (map2 Z.add (fst k) (map (fun x => shift_down x (- q)) x))
      (map2 Z.add (snd k) (map (fun x => shift_up x (- q)) y)) (map (fun i => a i + rt_factor t * nth i (apply M z) 0)
        (seq 0 n))).
    { by_ext W3. intros i. simpl. f_equal. unfold rt_factor. rewrite bpow_plus.
      assert (PP : pow2 q * pow2 (- q) = 1) by (rewrite <- bpow_plus, Z.add_opp_diag_r; reflexivity).
      transitivity (nth i (apply M z) 0 * (IZR (rt_num t) / IZR (rt_den t)) * pow2 (rt_shift t) * (pow2 q * pow2 (- q)));
        [ring | rewrite PP; ring]. }
    specialize (IH W4). by_ext IH. intros i. cbn [terms_at]. fold z. lra.
Qed.

Theorem image_correct r scale n q g mq mg bd vals v : bounds_hold bd vals -> relation_means r scale n vals v ->
  covered bd (rl_terms r) -> prepare q (rl_terms r) = Some mq -> prepare g (rl_terms r) = Some mg ->
  let lh := image q g mq (constant g (rl_bias r) scale n mg bd) bd in within (fst lh) (snd lh) v.
Proof.
  intros B (Ms & beta & T & H & ->) C Q G. cbv zeta. unfold image.
  pose proof (constant_within bd vals n g scale (rl_bias r) (rl_terms r) Ms mg beta B T C G H) as W.
  apply (within_shift _ _ _ (- g)) in W. rewrite map_map in W.
  pose proof (image_of_ranges bd vals n q B (rl_terms r) Ms mq
    (map (fun x => shift_down x (- g)) (fst (constant g (rl_bias r) scale n mg bd)),
     map (fun x => shift_up x (- g)) (snd (constant g (rl_bias r) scale n mg bd)))
    (base_at bd (rl_terms r) Ms beta) T C Q) as I.
  cbv zeta in I. cbn [fst snd] in I.
  match type of I with ?A -> _ => assert (W2 : A) end.
  { by_ext W. intros i. rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r. simpl. lra. }
  specialize (I W2). by_ext I. intros i. unfold base_at. rewrite (terms_split bd vals n i B _ _ T C). lra.
Qed.

Lemma within_relu lo hi v : within lo hi v -> within (map pospart lo) (map pospart hi) (map relu v).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; simpl; constructor; [|exact IH]. unfold pospart, relu.
  assert (M : forall z, IZR (Z.max z 0) = Rmax (IZR z) 0).
  { intros z. destruct (Z.max_spec z 0) as [[A ->] | [A ->]].
    - rewrite Rmax_right; [reflexivity | apply IZR_le; lia].
    - rewrite Rmax_left; [reflexivity | apply IZR_le in A; exact A]. }
  rewrite !M. split; apply Rle_max_compat_r; lra.
Qed.

(** The bounds that a relu, free or affine block gets hold of its value; a free block's value must be known to lie within
    the bounds of its source (replay_rules.v: its source reaches it at some x' of the domain). *)
Theorem forward_correct region blocks vals bd q g mq mg : plan_means region blocks vals -> earlier blocks = true ->
  bounds_hold bd vals -> let b := length (bd_lo bd) in let blk := nth b blocks no_block in
  (b < length blocks)%nat ->
  prepare_block q blk = Some mq -> prepare_block g blk = Some mg ->
  match bk_kind blk with KRelu _ | KFree _ | KAffine _ => True | _ => False end ->
  (forall s, bk_kind blk = KFree s -> within (lows bd s) (highs bd s) (values vals b)) ->
  let lh := enclose q g blk mq mg bd in within (fst lh) (snd lh) (values vals b).
Proof.
  intros [PL PM] E B b blk L Q G K F. cbv zeta. pose proof (PM b L) as M. fold blk in M. unfold enclose.
  assert (S : forall s, In s (sources blk) -> (s < b)%nat) by (intros; eapply earlier_sources; eauto).
  unfold block_means in M. unfold prepare_block, relation_of in Q, G. unfold sources in S.
  destruct (bk_kind blk) as [second | s | s | r | | |] eqn:KB; try contradiction.
  - destruct M as (_ & _ & ->). simpl. apply within_relu. apply B. apply S. simpl. auto.
  - simpl. apply F. reflexivity.
  - destruct M as (_ & _ & R). unfold block_constant, relation_of. rewrite KB.
    eapply image_correct; eauto. unfold covered. apply Forall_forall. intros t I. apply S. apply in_map. exact I.
Qed.

(** A difference with a relation: the same image. *)
Theorem pair_image_correct region blocks vals bd q g mq mg r : plan_means region blocks vals -> earlier blocks = true ->
  bounds_hold bd vals -> let b := length (bd_lo bd) in let blk := nth b blocks no_block in
  (b < length blocks)%nat -> relation_of blk = Some r ->
  prepare_block q blk = Some mq -> prepare_block g blk = Some mg ->
  let lh := image q g mq (constant g (rl_bias r) (bk_scale blk) (bk_size blk) mg bd) bd in
  within (fst lh) (snd lh) (values vals b).
Proof.
  intros [PL PM] E B b blk L R Q G. pose proof (PM b L) as M. fold blk in M.
  assert (S : forall s, In s (sources blk) -> (s < b)%nat) by (intros; eapply earlier_sources; eauto).
  unfold prepare_block in Q, G. rewrite R in Q, G.
  unfold block_means in M. unfold relation_of in R. unfold sources in S.
  assert (RM : relation_means r (bk_scale blk) (bk_size blk) vals (values vals b) /\ covered bd (rl_terms r)).
  { destruct (bk_kind blk) as [second | s | s | r' | | | u w sg r'] eqn:KB; try discriminate; injection R as ->.
    - split; [tauto|]. apply Forall_forall. intros t I. apply S. apply in_map. exact I.
    - split; [tauto|]. apply Forall_forall. intros t I. apply S. right. right. apply in_map. exact I. }
  destruct RM as [RM C]. eapply image_correct; eauto.
Qed.
