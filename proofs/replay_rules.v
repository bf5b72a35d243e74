(** Replay is sound: what it computes holds of every valuation of the leaf.

    A leaf is a set V of valuations of the blocks, one for each x' of the domain: bounds of a free block are those of its
    source over all of V. *)
From Coq Require Import ZArith Reals QArith Qreals String List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans result elaborate reading replay.
From Certify.rules Require Import forward backward difference quadratic conclude.
Import ListNotations.
Open Scope bool_scope.
Open Scope R_scope.

(** ** Lists *)

Lemma nth_update_same {A} n (f : A -> A) d l : nth n (update n f d l) d = f (nth n l d).
Proof. revert l; induction n as [|n IH]; intros [|x l]; simpl; auto. rewrite IH. destruct n; reflexivity. Qed.

Lemma nth_update_other {A} n m (f : A -> A) d l : n <> m -> nth m (update n f d l) d = nth m l d.
Proof.
  revert m l; induction n as [|n IH]; intros m l N; destruct l as [|x l], m as [|m]; simpl; auto; try congruence.
  - destruct m; reflexivity.
  - rewrite IH by lia. destruct m; reflexivity.
Qed.

Lemma update_length {A} n (f : A -> A) d l : (n < length l)%nat -> List.length (update n f d l) = length l.
Proof. revert l; induction n as [|n IH]; intros [|x l] L; simpl in *; try lia. rewrite IH by lia. reflexivity. Qed.

Lemma within_update_lo lo hi v i f : within lo hi v -> (i < length v)%nat ->
  (IZR (f (nth i lo 0%Z)) <= nth i v 0) -> within (update i f 0%Z lo) hi v.
Proof.
  intros W; revert i; induction W as [|l h x lo hi v B W IH]; intros [|i] L H; simpl in *; try lia; constructor; auto.
  - lra.
  - apply IH; [lia | assumption].
Qed.

Lemma within_update_hi lo hi v i f : within lo hi v -> (i < length v)%nat ->
  (nth i v 0 <= IZR (f (nth i hi 0%Z))) -> within lo (update i f 0%Z hi) v.
Proof.
  intros W; revert i; induction W as [|l h x lo hi v B W IH]; intros [|i] L H; simpl in *; try lia; constructor; auto.
  - lra.
  - apply IH; [lia | assumption].
Qed.

(** ** Changing bounds *)

Lemma append_holds bd lh vals : bounds_hold bd vals -> (List.length (bd_lo bd) < length vals)%nat ->
  within (fst lh) (snd lh) (values vals (List.length (bd_lo bd))) ->
  exists bd', append bd lh = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = S (List.length (bd_lo bd)).
Proof.
  intros (L & M & H) N W. unfold append. rewrite (crossed_within _ _ _ W). eexists; split; [reflexivity|].
  unfold bounds_hold, lows, highs; simpl. rewrite !app_length; simpl. split; [|lia]. split; [lia|]. split; [lia|].
  intros i Hi. destruct (Nat.eq_dec i (List.length (bd_lo bd))) as [-> | D].
  - rewrite !app_nth2 by lia. rewrite <- L, Nat.sub_diag. exact W.
  - rewrite !app_nth1 by lia. apply H. lia.
Qed.

Lemma set_holds bd b lo hi vals : bounds_hold bd vals -> (b < List.length (bd_lo bd))%nat ->
  within lo hi (values vals b) ->
  exists bd', set_bounds bd b lo hi = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = List.length (bd_lo bd).
Proof.
  intros (L & M & H) N W. unfold set_bounds. rewrite (crossed_within _ _ _ W). eexists; split; [reflexivity|].
  unfold bounds_hold, lows, highs; simpl. rewrite !update_length by lia. split; [|reflexivity]. split; [assumption|].
    split; [assumption|].
  intros i Hi. destruct (Nat.eq_dec b i) as [<- | D].
  - rewrite !nth_update_same. exact W.
  - rewrite !nth_update_other by assumption. apply H. assumption.
Qed.

Section Soundness.

Variable p : plan.
Variable lf : leaf.
Variable V : list (list R) -> Prop.

Hypothesis plan_holds : forall vals, V vals -> plan_means (region p lf) (blocks p) vals.
Hypothesis inputs_hold : forall vals b second, V vals -> bk_kind (nth b (blocks p) no_block) = KInput second ->
  let lh := (if second then lf_hull lf else lf_input lf) (bk_scale (nth b (blocks p) no_block)) in
  within (fst lh) (snd lh) (values vals b).
Hypothesis frees_hold : forall vals b s, V vals -> bk_kind (nth b (blocks p) no_block) = KFree s ->
  (b < List.length (blocks p))%nat ->
  (s < b)%nat /\ List.length (values vals b) = List.length (values vals s) /\
  forall k, (k < List.length (values vals b))%nat -> exists vals',
    V vals' /\ nth k (values vals b) 0 = nth k (values vals' s) 0.
Hypothesis signs_hold : forall vals b i low, V vals -> In (b, i, low) (lf_signs lf) ->
  (i < List.length (values vals b))%nat /\ if low : bool then nth i (values vals b) 0 <= 0 else 0 <= nth i (values vals b) 0.
Hypothesis earlier_blocks : earlier (blocks p) = true.
Hypothesis forward_bits : (0 <= pl_forward_bits p)%Z.
Hypothesis constant_bits : (0 <= pl_constant_bits p)%Z.

(** The valuation that matters: V is not empty, so what has bounds on V cannot cross. *)
Variable v0 : list (list R).
Hypothesis v0_in : V v0.

Definition on_V (n : nat) (o : option bounds) : Prop :=
  exists bd, o = Some bd /\ List.length (bd_lo bd) = n /\ forall vals, V vals -> bounds_hold bd vals.

Lemma signs_fold_lo hi v (mine : list (nat * nat * bool)) : forall lo, within lo hi v ->
  (forall s, In s mine -> snd s = false -> (snd (fst s) < length v)%nat /\ 0 <= nth (snd (fst s)) v 0) ->
  within (fold_left (fun l (s : nat * nat * bool) => if snd s then l else update (snd (fst s)) pospart 0%Z l) mine lo) hi v.
Proof.
  induction mine as [|s mine IH]; intros lo W H; [exact W|]. simpl. apply IH.
  - destruct (snd s) eqn:E; [exact W|]. destruct (H s (or_introl eq_refl) E) as [L P].
    apply within_update_lo; [assumption | assumption |]. unfold pospart.
    pose proof (within_nth _ _ _ W _ L). destruct (Z.max_spec (nth (snd (fst s)) lo 0%Z) 0) as [[_ ->] | [_ ->]]; lra.
  - intros s' I. apply H. right; assumption.
Qed.

Lemma signs_fold_hi lo v (mine : list (nat * nat * bool)) : forall hi, within lo hi v ->
  (forall s, In s mine -> snd s = true -> (snd (fst s) < length v)%nat /\ nth (snd (fst s)) v 0 <= 0) ->
  within lo (fold_left (fun l (s : nat * nat * bool) => if snd s then update (snd (fst s)) negpart 0%Z l else l) mine hi) v.
Proof.
  induction mine as [|s mine IH]; intros hi W H; [exact W|]. simpl. apply IH.
  - destruct (snd s) eqn:E; [|exact W]. destruct (H s (or_introl eq_refl) E) as [L P].
    apply within_update_hi; [assumption | assumption |]. unfold negpart.
    pose proof (within_nth _ _ _ W _ L). destruct (Z.min_spec (nth (snd (fst s)) hi 0%Z) 0) as [[_ ->] | [_ ->]]; lra.
  - intros s' I. apply H. right; assumption.
Qed.

Lemma on_V_each n (o : option bounds) :
  (forall vals, V vals -> exists bd', o = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = n) -> on_V n o.
Proof.
  intros H. destruct (H v0 v0_in) as (bd & E & _ & L). exists bd. split; [exact E|]. split; [exact L|].
  intros vals Hv. destruct (H vals Hv) as (bd' & E' & B & _). rewrite E in E'. injection E' as <-. exact B.
Qed.

Definition mine (b : nat) : list (nat * nat * bool) := filter (fun s => Nat.eqb (fst (fst s)) b) (lf_signs lf).

Lemma mine_in b s : In s (mine b) -> In (b, snd (fst s), snd s) (lf_signs lf).
Proof.
  unfold mine. rewrite filter_In. intros [I E]. apply Nat.eqb_eq in E. destruct s as [[b' i] low]; simpl in *. subst.
    exact I.
Qed.

Lemma tighten_sound b bd vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  (b < List.length (bd_lo bd))%nat ->
  exists bd', tighten (blocks p) b bd = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = List.length (bd_lo bd).
Proof.
  intros P B L. pose proof (tighten_correct _ _ _ _ P earlier_blocks B b L) as T.
  destruct (tighten (blocks p) b bd) as [bd'|]; [|contradiction]. exists bd'. tauto.
Qed.

Lemma assume_holds b bd vals : V vals -> bounds_hold bd vals -> (b < List.length (bd_lo bd))%nat ->
  exists bd', assume p lf b bd = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = List.length (bd_lo bd).
Proof.
  intros Hv B L. unfold assume. fold (mine b). destruct (mine b) as [|m ms] eqn:E; [exists bd; auto|].
  rewrite <- E. clear E m ms.
  assert (W : within (lows bd b) (highs bd b) (values vals b)) by (apply B; assumption).
  destruct (set_holds bd b
     (fold_left (fun l (s : nat * nat * bool) => if snd s then l else update (snd (fst s)) pospart 0%Z l) (mine b)
       (lows bd b))
     (fold_left (fun l (s : nat * nat * bool) => if snd s then update (snd (fst s)) negpart 0%Z l else l) (mine b)
       (highs bd b))
     vals B L) as (bd' & -> & B' & L').
  - apply signs_fold_lo; [apply signs_fold_hi; [exact W|] |]; intros s I S; apply mine_in in I;
      pose proof (signs_hold vals _ _ _ Hv I) as H; rewrite S in H; exact H.
  - rewrite <- L'. apply tighten_sound; [apply plan_holds; assumption | assumption | lia].
Qed.

Hypothesis forward_sound : forall bd vals, plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  let b := List.length (bd_lo bd) in let blk := nth b (blocks p) no_block in
  (b < List.length (blocks p))%nat ->
  match bk_kind blk with KRelu _ | KFree _ | KAffine _ => True | _ => False end ->
  (forall s, bk_kind blk = KFree s -> within (lows bd s) (highs bd s) (values vals b)) ->
  let lh := forward.enclose (pl_forward_bits p) (pl_constant_bits p) blk (nth b (pl_forward p) []) (nth b (pl_constant
    p) []) bd in
  within (fst lh) (snd lh) (values vals b).

Hypothesis image_sound : forall bd vals, plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  let b := List.length (bd_lo bd) in let blk := nth b (blocks p) no_block in
  (b < List.length (blocks p))%nat -> relation_of blk <> None ->
  let img := pair_image p blk (nth b (pl_forward p) []) (nth b (pl_constant p) []) bd in
  within (fst img) (snd img) (values vals b).

Lemma pair_sound bd vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  let b := List.length (bd_lo bd) in
  (b < List.length (blocks p))%nat -> pair_of (nth b (blocks p) no_block) <> None ->
  exists bd', difference.enclose_block (blocks p) (pair_image p (nth b (blocks p) no_block) (nth b (pl_forward p) [])
     (nth b (pl_constant p) []) bd) bd = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = S b.
Proof.
  intros P B b L K.
  pose proof (enclose_block_correct (region p lf) (blocks p) vals bd
    (pair_image p (nth b (blocks p) no_block) (nth b (pl_forward p) []) (nth b (pl_constant p) []) bd)
    P earlier_blocks B L K) as T.
  fold b in T. specialize (T (fun R => image_sound bd vals P B L R)).
  destruct (enclose_block _ _ bd) as [bd'|]; [|contradiction]. exists bd'. tauto.
Qed.

Lemma enclose_next_holds bd : (forall vals, V vals -> bounds_hold bd vals) ->
  (List.length (bd_lo bd) < List.length (blocks p))%nat ->
  on_V (S (List.length (bd_lo bd))) (enclose_next p lf bd).
Proof.
  intros B L. unfold enclose_next. set (b := List.length (bd_lo bd)) in *. set (blk := nth b (blocks p) no_block).
  set (found := match bk_kind blk with KInput _ => _ | KRelu _ | KFree _ | KAffine _ => _ | _ => _ end).
  assert (F : on_V (S b) found).
  { apply on_V_each. intros vals Hv. subst found.
    assert (N : (List.length (bd_lo bd) < List.length vals)%nat).
    { destruct (plan_holds vals Hv) as [E _]. rewrite E. exact L. }
    assert (A : forall lh, within (fst lh) (snd lh) (values vals b) ->
       exists bd', append bd lh = Some bd' /\ bounds_hold bd' vals /\ List.length (bd_lo bd') = S b).
    { intros lh W. apply append_holds; [apply B; assumption | exact N | exact W]. }
    pose proof (forward_sound bd vals (plan_holds vals Hv) (B vals Hv)) as FW. cbv zeta in FW. fold b blk in FW.
    pose proof (pair_sound bd vals (plan_holds vals Hv) (B vals Hv)) as PW. cbv zeta in PW. fold b in PW.
    specialize (PW L). fold blk in PW. specialize (FW L).
    destruct (bk_kind blk) eqn:K.
    - apply A. exact (inputs_hold vals b second Hv K).
    - apply A, FW; [exact I | discriminate].
    - apply A, FW; [exact I|]. intros s E. injection E as <-.
      destruct (frees_hold vals b source Hv K L) as (S1 & S2 & S3).
      assert (Ws : forall v', V v' -> within (lows bd source) (highs bd source) (values v' source)).
      { intros v' Hv'. apply (B v' Hv'). exact S1. }
      pose proof (within_length _ _ _ (Ws vals Hv)) as [L1 L2].
      apply within_of_nth; [congruence | congruence |]. intros k Hk. destruct (S3 k Hk) as (v' & Hv' & ->).
      apply (within_nth _ _ _ (Ws v' Hv')). pose proof (within_length _ _ _ (Ws v' Hv')). lia.
    - apply A, FW; [exact I | discriminate].
    - apply PW. unfold pair_of. rewrite K. discriminate.
    - apply PW. unfold pair_of. rewrite K. discriminate.
    - apply PW. unfold pair_of. rewrite K. discriminate. }
  clearbody found. destruct F as (bd' & -> & L' & B'). apply on_V_each. intros vals Hv. rewrite <- L'.
  apply assume_holds; [assumption | apply B'; assumption | lia].
Qed.

(** ** Backward passes *)

Hypothesis lower_sound : forall q bd h start vals, plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  In q (map fst (pl_by_bits p)) ->
  Forall (fun c => (fst c < List.length (bd_lo bd))%nat) start ->
  exists k, lower (blocks p) (all_constants p bd) (maps_at p q) q (pl_constant_bits p) (region p lf) bd h start = Some k
            /\ IZR k <= fold_right (fun c r => dot (snd c) (values vals (fst c)) + r) 0 start.

Lemma dot_unit i v x : dot (unit_row i v) x = IZR v * nth i x 0.
Proof.
  unfold unit_row, dot. revert x. induction i as [|i IH]; intros [|y x]; simpl; try lra.
  specialize (IH x). simpl in IH. rewrite IH. lra.
Qed.

Lemma row_bounds_holds q c bd h b positive vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  In q (map fst (pl_by_bits p)) -> (0 <= c)%Z -> (b < List.length (bd_lo bd))%nat -> forall entries j,
  exists found, row_bounds p lf (all_constants p bd) (maps_at p q) q c bd h b positive j entries = Some found
    /\ Forall (fun f => IZR (snd f) <= (if positive : bool then 1 else -1) * nth (fst f) (values vals b) 0) found
    /\ map fst found = entries.
Proof.
  intros P B Q C L. induction entries as [|i entries IH]; intros j; cbn [row_bounds]; [exists []; auto|].
  destruct (lower_sound q bd (hints_of h j)
     [(b, unit_row i (if positive then Z.shiftl 1 c else - Z.shiftl 1 c)%Z)] vals P B Q) as (k & -> & K).
  { constructor; [exact L | constructor]. }
  destruct (IH (S j)) as (found & -> & F & M). eexists; split; [reflexivity|]. split; [|simpl; rewrite M; reflexivity].
  constructor; [|exact F]. simpl in K |- *. rewrite dot_unit, Rplus_0_r in K.
  rewrite <- Z.shiftl_opp_r. eapply Rle_trans; [apply shift_down_le|].
  assert (U : IZR (Z.shiftl 1 c) = pow2 c).
  { rewrite Z.shiftl_mul_pow2, Z.mul_1_l, pow2_IZR by assumption. reflexivity. }
  assert (PP : pow2 c * pow2 (- c) = 1).
  { rewrite <- bpow_plus, Z.add_opp_diag_r. reflexivity. }
  pose proof (pow2_pos (- c)).
  apply Rle_trans with ((if positive then 1 else -1) * nth i (values vals b) 0 * pow2 c * pow2 (- c)).
  - apply Rmult_le_compat_r; [lra|]. destruct positive; rewrite ?opp_IZR, U in K; lra.
  - rewrite Rmult_assoc, PP. lra.
Qed.

Lemma lift_holds hi v found : forall lo, within lo hi v ->
  Forall (fun f => IZR (snd f) <= nth (fst f) v 0) found -> Forall (fun i => (i < List.length v)%nat) (map fst found) ->
  within (lift lo found) hi v.
Proof.
  induction found as [|[i k] found IH]; intros lo W F M; [exact W|]. inversion F; inversion M; subst; simpl in *.
  apply IH; try assumption. apply within_update_lo; [assumption | assumption |].
  pose proof (within_nth _ _ _ W i ltac:(assumption)).
  destruct (Z.max_spec k (nth i lo 0%Z)) as [[_ ->] | [_ ->]]; lra.
Qed.

Lemma cut_down_holds lo v found : forall hi, within lo hi v ->
  Forall (fun f => IZR (snd f) <= -1 * nth (fst f) v 0) found -> Forall (fun i => (i < List.length v)%nat) (map fst found) ->
  within lo (cut_down hi found) v.
Proof.
  induction found as [|[i k] found IH]; intros hi W F M; [exact W|]. inversion F; inversion M; subst; simpl in *.
  apply IH; try assumption. apply within_update_hi; [assumption | assumption |].
  pose proof (within_nth _ _ _ W i ltac:(assumption)).
  destruct (Z.min_spec (- k) (nth i hi 0%Z)) as [[_ ->] | [_ ->]]; rewrite ?opp_IZR; lra.
Qed.

Lemma open_inside b bd vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  (b < List.length (bd_lo bd))%nat ->
  Forall (fun i => (i < List.length (values vals b))%nat) (open_entries (blocks p) b bd).
Proof. intros P B L. exact (open_entries_inside _ _ _ _ P earlier_blocks B b L). Qed.

(** Rows to tighten lie within their block. *)
Definition rows_inside (b : nat) (rows : option (list nat)) : Prop :=
  match rows with None => True | Some l => Forall (fun i => (i < bk_size (nth b (blocks p) no_block))%nat) l end.

Lemma sharpen_holds b c q rows h bd : (forall vals, V vals -> bounds_hold bd vals) ->
  (b < List.length (bd_lo bd))%nat -> (List.length (bd_lo bd) <= List.length (blocks p))%nat ->
  In q (map fst (pl_by_bits p)) -> (0 <= c)%Z -> rows_inside b rows ->
  on_V (List.length (bd_lo bd)) (sharpen p lf b c q rows h bd).
Proof.
  intros B L LB Q C R. unfold sharpen.
  set (entries := match rows with Some l => l | None => open_entries (blocks p) b bd end).
  set (n := match rows with Some l => List.length l | None => O end).
  assert (F : on_V (List.length (bd_lo bd)) (match entries with [] => Some bd | _ =>
     match row_bounds p lf (all_constants p bd) (maps_at p q) q c bd (rows_of_slot h (lf_slot lf)) b true 0 entries,
           row_bounds p lf (all_constants p bd) (maps_at p q) q c bd (rows_of_slot h (lf_slot lf)) b false n entries with
     | Some ups, Some downs => set_bounds bd b (lift (lows bd b) ups) (cut_down (highs bd b) downs)
     | _, _ => None end end)).
  { apply on_V_each. intros vals Hv. destruct entries as [|e es] eqn:E; [exists bd; auto|].
    rewrite <- E.
    assert (I : Forall (fun i => (i < List.length (values vals b))%nat) entries).
    { subst entries. destruct rows as [l|].
      - unfold rows_inside in R. destruct (plan_holds vals Hv) as [LV PV].
        destruct (PV b ltac:(lia)) as [LL _]. rewrite LL. exact R.
      - apply open_inside; [apply plan_holds; assumption | apply B; assumption | exact L]. }
    destruct (row_bounds_holds q c bd (rows_of_slot h (lf_slot lf)) b true vals (plan_holds vals Hv) (B vals Hv) Q C L
      entries 0) as (ups & -> & U1 & U2).
    destruct (row_bounds_holds q c bd (rows_of_slot h (lf_slot lf)) b false vals (plan_holds vals Hv) (B vals Hv) Q C L
      entries n) as (downs & -> & D1 & D2).
    assert (W : within (lows bd b) (highs bd b) (values vals b)) by (apply (B vals Hv); exact L).
    apply set_holds; [apply B; assumption | exact L |].
    apply lift_holds; [apply cut_down_holds; [exact W | exact D1 | rewrite D2; exact I] | | rewrite U2; exact I].
    eapply Forall_impl; [|exact U1]. intros f H. simpl in H. lra. }
  match goal with F : on_V _ ?o |- context [match ?o' with None => _ | Some _ => _ end] => change o' with o end.
  destruct F as (bd' & -> & L' & B'). destruct (is_pair p b).
  - apply on_V_each. intros vals Hv. rewrite <- L'.
      apply tighten_sound; [apply plan_holds; assumption | apply B'; assumption | lia].
  - exists bd'. auto.
Qed.

(** ** All steps *)

(** Blocks come in order, and steps are about blocks that have come. *)
Fixpoint steps_ok (n : nat) (steps : list step) : Prop :=
  match steps with
  | [] => n = List.length (blocks p)
  | SBlock _ :: rest => (n < List.length (blocks p))%nat /\ steps_ok (S n) rest
  | SBackward b c q rows _ :: rest =>
      (b < n)%nat /\ (n <= List.length (blocks p))%nat /\ (0 <= c)%Z /\ In q (map fst (pl_by_bits p)) /\ rows_inside b rows
      /\ steps_ok n rest
  end.

Theorem run_holds steps : forall bd, steps_ok (List.length (bd_lo bd)) steps -> (forall vals,
  V vals -> bounds_hold bd vals) ->
  on_V (List.length (blocks p)) (run p lf steps bd).
Proof.
  induction steps as [|[b | b c q rows h] steps IH]; intros bd S B; simpl in *.
  - exists bd. auto.
  - destruct S as [L S]. destruct (enclose_next_holds bd B L) as (bd' & -> & L' & B').
    apply IH; [rewrite L'; exact S | exact B'].
  - destruct S as (L & LB & C & Q & R & S). destruct (sharpen_holds b c q rows h bd B L LB Q C R) as (bd' & -> & L' & B').
    apply IH; [rewrite L'; exact S | exact B'].
Qed.

(** ** Rows of the quantity *)

Variable row_value : side -> list Z -> list (list R) -> R.

Hypothesis start_sound : forall on row cs scale vals, plan_means (region p lf) (blocks p) vals ->
  conclude.start (blocks p) (pl_out_f p) (pl_out_g p) on row (pl_c p) = Ok (cs, scale) ->
  Forall (fun x => (fst x < List.length (blocks p))%nat) cs
  /\ fold_right (fun x r => dot (snd x) (values vals (fst x)) + r) 0 cs = - row_value on row vals * pow2 (pl_c p + scale).

Definition form_bound (bd : bounds) (on : side) (row : list Z) (f : form) : option (Z * Z) :=
  quadratic.upper_bound (blocks p) (pl_forward p) (pl_forward_bits p) bd (fo_chosen f) (fo_bits f) (fo_factor f)
    (fo_shift f) (nth (lf_slot lf) (fo_facts f) []) (nth (lf_slot lf) (fo_factors f) [])
    (match on with OnG => match pl_out_g p with Some g => g | None => pl_out_f p end | _ => pl_out_f p end)
    (match on with OnDifference => pl_out_g p | _ => None end) row.

Hypothesis form_sound : forall bd on row f num den vals, plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  List.length (bd_lo bd) = List.length (blocks p) -> In f (forms_for p on) ->
  form_bound bd on row f = Some (num, den) -> (0 < den)%Z /\ row_value on row vals <= IZR num / IZR den.

Lemma div_unit_value k unit e : 0 < Q2R unit -> Q2R (div_unit k unit e) = - IZR k / (Q2R unit * pow2 e).
Proof.
  intros U. unfold div_unit.
  assert (N : ~ (unit == 0)%Q). { intros H. apply Qeq_eqR in H. unfold Q2R at 2 in H; simpl in H. lra. }
  assert (I : forall z, Q2R (inject_Z z) = IZR z). { intros z. unfold Q2R, inject_Z; simpl. lra. }
  assert (V0 : Q2R (inject_Z (- k) / unit) = - IZR k / Q2R unit).
  { rewrite Q2R_div by assumption. rewrite I, opp_IZR. reflexivity. }
  destruct (Z.leb_spec 0 e) as [E | E].
  - assert (P : IZR (2 ^ e) = pow2 e) by (apply pow2_IZR; assumption). pose proof (pow2_pos e).
    rewrite Q2R_div.
    + rewrite V0, I, P. field. split; lra.
    + intros H'. apply Qeq_eqR in H'. rewrite I, P in H'. unfold Q2R in H'; simpl in H'. lra.
  - assert (P : IZR (2 ^ (- e)) = pow2 (- e)) by (apply pow2_IZR; lia).
    rewrite Q2R_mult, V0, I, P, bpow_opp. pose proof (pow2_pos e). field. split; lra.
Qed.

Definition row_holds (vals : list (list R)) (on : side) (unit : Q) (row : list Z) (u : Q) : Prop :=
  row_value on row vals / Q2R unit <= Q2R u.

Lemma by_forms_holds bd on row unit j vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  List.length (bd_lo bd) = List.length (blocks p) -> 0 < Q2R unit -> forall forms found u,
  (forall f, In f forms -> In f (forms_for p on)) -> row_holds vals on unit row found ->
  by_forms p lf bd j on row unit forms found = Some u -> row_holds vals on unit row u.
Proof.
  intros P B L U. induction forms as [|f forms IH]; intros found u I H E; cbn [by_forms] in E; [congruence|].
  destruct (Nat.eqb (fo_row f) j); [|eapply IH; eauto; intros; apply I; right; assumption].
  fold (form_bound bd on row f) in E. destruct (form_bound bd on row f) as [[num den]|] eqn:F; [|discriminate].
  destruct (form_sound bd on row f num den vals P B L (I f (or_introl eq_refl)) F) as [D V1].
  eapply IH; [intros; apply I; right; eassumption | | exact E].
  unfold least_q. destruct (Qle_bool _ _); [exact H|]. unfold row_holds.
  assert (N : ~ (unit == 0)%Q). { intros H0. apply Qeq_eqR in H0. unfold Q2R at 2 in H0; simpl in H0. lra. }
  rewrite Q2R_div by assumption. unfold Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; exact U|].
  unfold Q2R; simpl. rewrite Z2Pos.id by assumption. exact V1.
Qed.

Hypothesis q_known : In (pl_q p) (map fst (pl_by_bits p)).

Lemma bound_rows_holds bd h on unit vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  List.length (bd_lo bd) = List.length (blocks p) -> 0 < Q2R unit -> forall rows j o,
  bound_rows p lf bd (all_constants p bd) (maps_at p (pl_q p)) h j on unit rows = Ok o ->
  exists us, o = Some us /\ Forall2 (row_holds vals on unit) rows us.
Proof.
  intros P B L U. induction rows as [|row rows IH]; intros j o H; cbn [bound_rows] in H.
  - injection H as <-. exists []. auto.
  - apply bind_ok in H. destruct H as ([cs scale] & St & H).
    destruct (start_sound on row cs scale vals P St) as [I V1].
    destruct (lower_sound (pl_q p) bd (hints_of h j) cs vals P B q_known) as (k & K & Kle).
    { rewrite L. exact I. }
    rewrite K in H.
    destruct (by_forms p lf bd j on row unit (forms_for p on) (div_unit k unit (pl_c p + scale))) as [u|] eqn:F;
      [|discriminate].
    apply bind_ok in H. destruct H as (others & O & H). injection H as <-.
    destruct (IH (S j) others O) as (us & -> & Us). exists (u :: us). split; [reflexivity|]. constructor; [|exact Us].
    eapply by_forms_holds; try eassumption; [auto|]. unfold row_holds. rewrite div_unit_value by assumption.
    rewrite V1 in Kle. pose proof (pow2_pos (pl_c p + scale)).
    apply (Rmult_le_reg_r (Q2R unit * pow2 (pl_c p + scale))); [apply Rmult_lt_0_compat; assumption|].
    replace (- IZR k / (Q2R unit * pow2 (pl_c p + scale)) * (Q2R unit * pow2 (pl_c p + scale))) with (- IZR k) by
      (field; lra).
    replace (row_value on row vals / Q2R unit * (Q2R unit * pow2 (pl_c p + scale)))
      with (row_value on row vals * pow2 (pl_c p + scale)) by (field; lra).
    lra.
Qed.

(** Each row of each group, in order. *)
Definition group_rows (g : rows) : list (side * Q * list Z) := map (fun r => (rw_on g, rw_unit g, r)) (rw_matrix g).

Lemma bound_groups_holds bd h vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  List.length (bd_lo bd) = List.length (blocks p) -> forall groups j o, Forall (fun g => 0 < Q2R (rw_unit g)) groups ->
  bound_groups p lf bd (all_constants p bd) (maps_at p (pl_q p)) h j groups = Ok o ->
  exists us, o = Some us /\
    Forall2 (fun r u => row_holds vals (fst (fst r)) (snd (fst r)) (snd r) u) (flat_map group_rows groups) us.
Proof.
  intros P B L. induction groups as [|g groups IH]; intros j o U H; simpl in H.
  - injection H as <-. exists []. split; [reflexivity | constructor].
  - inversion U; subst. apply bind_ok in H. destruct H as (first & F & H).
    destruct (bound_rows_holds bd h (rw_on g) (rw_unit g) vals P B L H2 _ _ _ F) as (us & -> & Us).
    apply bind_ok in H. destruct H as (others & O & H). injection H as <-.
    destruct (IH _ _ H3 O) as (us' & -> & Us'). exists (us ++ us'). split; [reflexivity|].
    simpl. apply Forall2_app; [|exact Us']. unfold group_rows.
    clear - Us. induction Us; simpl; constructor; auto.
Qed.

Theorem replay_holds groups o : steps_ok 0 (pl_steps p) -> Forall (fun g => 0 < Q2R (rw_unit g)) groups ->
  replay p lf groups = Ok o ->
  exists us, o = Some us /\
    Forall2 (fun r u => row_holds v0 (fst (fst r)) (snd (fst r)) (snd r) u) (flat_map group_rows groups) us.
Proof.
  intros S U H. unfold replay in H.
  destruct (run_holds (pl_steps p) {| bd_lo := []; bd_hi := [] |}) as (bd & E & L & B).
  - exact S.
  - intros vals Hv. split; [reflexivity|]. split; [simpl; lia|]. intros i I. simpl in I. lia.
  - rewrite E in H. eapply bound_groups_holds; eauto.
Qed.

End Soundness.
