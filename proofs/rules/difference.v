(** Rule *difference*: blocks d = u - S w, S picking entries of w.

    Bounds of u, S w and d tighten each other; a functional on d goes to u and w, or by the pair rule further back.
    Spec: rules.md#difference. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
From Certify.rules Require Export selections pair.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Bounds of differences *)

Definition differences (delta : Z) (a b : list Z) : list Z := map (fun x => Z.shiftl x delta) (subz a b).

(** A bound of relu x - relu y: that of x - y where both are known to be >= 0, else its part [f] on one side of zero. *)
Definition relu_difference (f : Z -> Z) (lx ly d : list Z) : list Z :=
  map2 (fun (both : bool) a => if both then a else f a) (map2 (fun x y => (0 <=? x) && (0 <=? y)) lx ly) d.

Fixpoint choose (index a b : list Z) : list Z :=
  match index, a, b with
  | j :: index', x :: a', y :: b' => (if 0 <=? j then x else y) :: choose index' a' b'
  | _, _, _ => []
  end.
Definition where_paired (sigma : option (list Z)) (a b : list Z) : list Z :=
  match sigma with None => a | Some index => choose index a b end.

(** Bounds of a difference from those of its parts; [img] is the forward image of its relation, if it has one. *)
Definition enclose (blk : block) (img : list Z * list Z) (bd : bounds) : list Z * list Z :=
  match pair_of blk with
  | None => img
  | Some (u, w, sigma) =>
      let lo := differences (bk_delta blk) (lows bd u) (picked sigma (highs bd w)) in
      let hi := differences (bk_delta blk) (highs bd u) (picked sigma (lows bd w)) in
      match bk_kind blk with
      | KPairAffine _ _ _ _ => (map2 Z.max lo (fst img), map2 Z.min hi (snd img))
      | KPairRelu _ _ _ inner x y =>
          let lx := lows bd x in
          let ly := picked sigma (lows bd y) in
          (map2 Z.max lo (where_paired sigma (relu_difference negpart lx ly (lows bd inner)) lo),
           map2 Z.min hi (where_paired sigma (relu_difference pospart lx ly (highs bd inner)) hi))
      | _ => (lo, hi)
      end
  end.

(** Bounds that cross: nothing is in the leaf. *)
Fixpoint crossed (lo hi : list Z) : bool :=
  match lo, hi with l :: lo', h :: hi' => (h <? l) || crossed lo' hi' | _, _ => false end.

Definition set_bounds (bd : bounds) (b : nat) (lo hi : list Z) : option bounds :=
  if crossed lo hi then None
  else Some {| bd_lo := update b (fun _ => lo) [] (bd_lo bd); bd_hi := update b (fun _ => hi) [] (bd_hi bd) |}.

(** Bounds of u, S w and d = u - S w against each other; of w itself when S is the identity. All are computed from
    [bd] before any is stored. *)
Definition tighten (blocks : list block) (b : nat) (bd : bounds) : option bounds :=
  let blk := nth b blocks no_block in
  let delta := bk_delta blk in
  match pair_of blk with
  | None => Some bd
  | Some (u, w, sigma) =>
      let lw := picked sigma (lows bd w) in
      let uw := picked sigma (highs bd w) in
      let ld := map2 Z.max (lows bd b) (differences delta (lows bd u) uw) in
      let ud := map2 Z.min (highs bd b) (differences delta (highs bd u) lw) in
      let down := map (fun x => Z.shiftr x delta) ld in
      let up := map (fun x => - Z.shiftr (- x) delta) ud in
      let lu := map2 Z.max (lows bd u) (map2 Z.add lw down) in
      let uu := map2 Z.min (highs bd u) (map2 Z.add uw up) in
      match set_bounds bd b ld ud with
      | None => None
      | Some bd1 =>
          match set_bounds bd1 u lu uu, sigma with
          | Some bd2, None => set_bounds bd2 w (map2 Z.max lw (subz lu up)) (map2 Z.min uw (subz uu down))
          | bd2, _ => bd2
          end
      end
  end.

(** Bounds of the next block, which is a difference, after those of [bd]. *)
Definition enclose_block (blocks : list block) (img : list Z * list Z) (bd : bounds) : option bounds :=
  let b := length (bd_lo bd) in
  let '(lo, hi) := enclose (nth b blocks no_block) img bd in
  if crossed lo hi then None else tighten blocks b {| bd_lo := bd_lo bd ++ [lo]; bd_hi := bd_hi bd ++ [hi] |}.

(** Entries whose sign is open; for a difference, that of u or of S w. Only the choice of rows depends on it. *)
Definition open_signs (lo hi : list Z) : list bool := map2 (fun l h => (l <? 0) && (0 <? h)) lo hi.

Fixpoint places (i : nat) (l : list bool) : list nat :=
  match l with [] => [] | b :: t => if b then i :: places (S i) t else places (S i) t end.

Definition open_entries (blocks : list block) (b : nat) (bd : bounds) : list nat :=
  places 0 match pair_of (nth b blocks no_block) with
  | None => open_signs (lows bd b) (highs bd b)
  | Some (u, w, sigma) =>
      map2 orb (open_signs (lows bd u) (highs bd u)) (open_signs (picked sigma (lows bd w)) (picked sigma (highs bd w)))
  end.

(** ** Bounds are sound *)

Open Scope R_scope.

Lemma within_meet lo hi v : within lo hi v -> forall lo' hi', within lo' hi' v ->
  within (map2 Z.max lo lo') (map2 Z.min hi hi') v.
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros lo' hi' W'; inversion W'; subst; simpl; constructor; [|apply IH;
    assumption].
  split; [apply max_le; tauto|]. destruct (Z.min_spec h h0) as [[_ ->] | [_ ->]]; tauto.
Qed.

Lemma within_map (f g : Z -> Z) (h : R -> R) :
  (forall l u x, IZR l <= x <= IZR u -> IZR (f l) <= h x <= IZR (g u)) ->
  forall lo hi v, within lo hi v -> within (map f lo) (map g hi) (map h v).
Proof. intros H lo hi v. induction 1; simpl; constructor; [apply H|]; assumption. Qed.

Lemma within_plus lo hi v : within lo hi v -> forall lo' hi' v', within lo' hi' v' -> length v = length v' ->
  within (map2 Z.add lo lo') (map2 Z.add hi hi') (map2 Rplus v v').
Proof.
  induction 1; intros lo' hi' v' W' L; inversion W'; subst; simpl in *; try discriminate; constructor;
    [rewrite !plus_IZR; lra|].
  apply IHwithin; [assumption | lia].
Qed.

Lemma within_minus lo hi v : within lo hi v -> forall lo' hi' v', within lo' hi' v' -> length v = length v' ->
  within (subz lo hi') (subz hi lo') (map2 Rminus v v').
Proof.
  induction 1; intros lo' hi' v' W' L; inversion W'; subst; simpl in *; try discriminate; constructor;
    [rewrite !minus_IZR; lra|].
  apply IHwithin; [assumption | lia].
Qed.

(** d, u and S w from the two others. *)
Lemma difference_vectors delta : forall u w d, length u = length d -> length w = length d ->
  d = map2 (fun a b => (a - b) * pow2 delta) u w ->
  d = map (fun x => x * pow2 delta) (map2 Rminus u w)
  /\ u = map2 Rplus w (map (fun x => x / pow2 delta) d) /\ w = map2 Rminus u (map (fun x => x / pow2 delta) d).
Proof.
  assert (P : pow2 delta <> 0) by (apply Rgt_not_eq, pow2_pos).
  induction u as [|x u IH]; intros [|y w] [|z d] L1 L2 E; simpl in *; try discriminate; [auto|].
  injection E as E0 E. destruct (IH w d) as [A [B C]]; [lia | lia | assumption|].
  rewrite <- A, <- B, <- C, E0. repeat split; f_equal; field; assumption.
Qed.

Lemma within_differences delta lu uu u lw uw w : (0 <= delta)%Z -> within lu uu u -> within lw uw w ->
  length u = length w ->
  within (differences delta lu uw) (differences delta uu lw) (map (fun x => x * pow2 delta) (map2 Rminus u w)).
Proof.
  intros P U W L. unfold differences. apply (within_map _ _ (fun x => x * pow2 delta)).
  - intros l h x B. rewrite !shiftl_IZR by assumption. split; (apply Rmult_le_compat_r;
    [apply Rlt_le, pow2_pos | tauto]).
  - apply within_minus; assumption.
Qed.

Lemma within_parts delta ld ud d : within ld ud d ->
  within (map (fun x => Z.shiftr x delta) ld) (map (fun x => - Z.shiftr (- x) delta)%Z ud)
    (map (fun x => x / pow2 delta) d).
Proof.
  apply (within_map _ _ (fun x => x / pow2 delta)). intros l h x B.
  assert (P : 0 <= / pow2 delta) by (apply Rlt_le, Rinv_0_lt_compat, pow2_pos). split.
  - eapply Rle_trans; [apply shiftr_le|]. apply Rmult_le_compat_r; tauto.
  - pose proof (shiftr_le (- h) delta) as H. rewrite opp_IZR in *.
    assert (x / pow2 delta <= IZR h / pow2 delta) by (apply Rmult_le_compat_r; tauto). lra.
Qed.

Lemma relu_difference_between delta x y : 0 < pow2 delta -> let d := (x - y) * pow2 delta in
  Rmin d 0 <= (relu x - relu y) * pow2 delta <= Rmax d 0.
Proof.
  intros P d. unfold d.
  assert (H : (relu x - relu y <= x - y \/ relu x - relu y <= 0) /\ (x - y <= relu x - relu y \/ 0 <= relu x - relu y)).
  { unfold relu, Rmax. destruct (Rle_dec x 0), (Rle_dec y 0); lra. }
  destruct H as [A B]. split.
  - destruct B as [B | B]; [eapply Rle_trans; [apply Rmin_l|] | eapply Rle_trans; [apply Rmin_r|]].
    + apply Rmult_le_compat_r; lra.
    + apply Rmult_le_pos; lra.
  - destruct A as [A | A]; [eapply Rle_trans; [|apply Rmax_l] | eapply Rle_trans; [|apply Rmax_r]].
    + apply Rmult_le_compat_r; lra.
    + assert ((relu x - relu y) * pow2 delta <= 0 * pow2 delta) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma within_relu_difference delta lx ux x : within lx ux x -> forall ly uy y ld ud d,
  within ly uy y -> within ld ud d -> length x = length d -> length y = length d ->
  d = map2 (fun a b => (a - b) * pow2 delta) x y ->
  within (relu_difference negpart lx ly ld) (relu_difference pospart lx ly ud)
    (map2 (fun a b => (a - b) * pow2 delta) (map relu x) (map relu y)).
Proof.
  intros W. unfold relu_difference.
  induction W as [|l h a lx ux x B W IH]; intros ly uy y ld ud d WY WD L1 L2 E; [constructor|].
  revert E. inversion WY as [|ly0 uy0 y0 ly' uy' y' BY WY']; subst y; [simpl in *; congruence|].
  inversion WD as [|ld0 ud0 d0 ld' ud' d' BD WD']; subst d; [simpl in *; congruence|].
  intros E. simpl in *. injection E as E0 E.
  constructor; [|apply (IH ly' uy' y' ld' ud' d'); [assumption | assumption | lia | lia | exact E]].
  destruct (andb _ _) eqn:S1.
  - apply andb_prop in S1. destruct S1 as [S1 S2]. apply Z.leb_le, IZR_le in S1, S2.
    rewrite (relu_side true a), (relu_side true y0) by (simpl; lra). rewrite <- E0. exact BD.
  - pose proof (relu_difference_between delta a y0 (pow2_pos delta)) as [A C]. cbv zeta in A, C. rewrite <- E0 in A, C.
    unfold negpart, pospart. split.
    + eapply Rle_trans; [|exact A]. apply Rmin_glb; [apply Rle_trans with (IZR ld0); [apply IZR_le;
      lia | tauto] | apply IZR_le; lia].
    + eapply Rle_trans; [exact C|]. apply Rmax_lub; [apply Rle_trans with (IZR ud0); [tauto | apply IZR_le;
      lia] | apply IZR_le; lia].
Qed.

Lemma within_choose index : forall lo hi lo' hi' v, length index = length v -> within lo hi v -> within lo' hi' v ->
  within (choose index lo lo') (choose index hi hi') v.
Proof.
  induction index as [|j index IH]; intros lo hi lo' hi' v L W W'; inversion W; subst; inversion W'; subst; simpl in *;
    try discriminate; constructor; [destruct (0 <=? j)%Z; assumption | apply IH; [lia | assumption | assumption]].
Qed.

Lemma crossed_within lo hi v : within lo hi v -> crossed lo hi = false.
Proof.
  induction 1 as [|l h x lo hi v B W IH]; [reflexivity|]. simpl. rewrite IH, Bool.orb_false_r.
  apply Z.ltb_ge, le_IZR. lra.
Qed.

Lemma update_length {A} (f : A -> A) x l : forall n, (n < length l)%nat -> length (update n f x l) = length l.
Proof. induction l as [|a l IH]; intros [|n] L; simpl in *; try lia. rewrite IH; lia. Qed.

Lemma nth_update {A} (x : A) d e l : forall n i, (n < length l)%nat ->
  nth i (update n (fun _ => x) e l) d = if Nat.eqb i n then x else nth i l d.
Proof.
  induction l as [|a l IH]; intros [|n] [|i] L; simpl in *; try lia; try reflexivity. apply IH; lia.
Qed.

Lemma set_bounds_correct bd vals b lo hi : bounds_hold bd vals -> (b < length (bd_lo bd))%nat ->
  within lo hi (values vals b) ->
  exists bd', set_bounds bd b lo hi = Some bd' /\ bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd).
Proof.
  intros [E [L H]] B W. unfold set_bounds. rewrite (crossed_within _ _ _ W). eexists. split; [reflexivity|].
  unfold bounds_hold, lows, highs in *. simpl. rewrite !update_length by lia. repeat split; try assumption.
  intros i I. rewrite !nth_update by lia. destruct (Nat.eqb_spec i b) as [-> | N]; [assumption | apply H; assumption].
Qed.

Lemma append_bounds_correct bd vals lo hi : bounds_hold bd vals -> (length (bd_lo bd) < length vals)%nat ->
  within lo hi (values vals (length (bd_lo bd))) ->
  bounds_hold {| bd_lo := bd_lo bd ++ [lo]; bd_hi := bd_hi bd ++ [hi] |} vals.
Proof.
  intros [E [L H]] B W. unfold bounds_hold, lows, highs in *. simpl. rewrite !app_length. simpl. repeat split; try lia.
  intros i I. destruct (Nat.eq_dec i (length (bd_lo bd))) as [-> | N].
  - rewrite !app_nth2, <- E, Nat.sub_diag by lia. simpl. assumption.
  - rewrite !app_nth1 by lia. apply H. lia.
Qed.

Lemma earlier_sources blocks b : earlier blocks = true -> (b < length blocks)%nat ->
  forall s, In s (sources (nth b blocks no_block)) -> (s < b)%nat.
Proof.
  unfold earlier. intros E. assert (H : forall n, earlier_from n blocks = true -> forall b, (b < length blocks)%nat ->
    forall s, In s (sources (nth b blocks no_block)) -> (s < n + b)%nat).
  { clear. induction blocks as [|x blocks IH]; intros n E b L s I; simpl in *; [lia|].
    apply andb_prop in E. destruct E as [E1 E2]. destruct b as [|b].
    - rewrite forallb_forall in E1. specialize (E1 s I). apply Nat.ltb_lt in E1. lia.
    - specialize (IH (S n) E2 b ltac:(lia) s I). lia. }
  intros L. apply (H 0%nat E b L).
Qed.

Lemma pair_means region blk vals v u w sigma : block_means region blk vals v -> pair_of blk = Some (u, w, sigma) ->
  (0 <= bk_delta blk)%Z /\ difference_means (bk_delta blk) sigma (values vals u) (values vals w) v
  /\ In u (sources blk) /\ In w (sources blk).
Proof.
  unfold block_means, pair_of, sources. intros [_ [D M]] P.
  destruct (bk_kind blk); try discriminate; injection P as -> -> ->; simpl; tauto.
Qed.

Lemma places_below l : forall i, Forall (fun j => (j < i + length l)%nat) (places i l).
Proof.
  induction l as [|b l IH]; intros i; simpl; [constructor|].
  assert (H : Forall (fun j => (j < i + S (length l))%nat) (places (S i) l)).
  { eapply Forall_impl; [|apply IH]. simpl. intros j J. lia. }
  destruct b; [constructor; [lia|]|]; exact H.
Qed.

Lemma map2_short {A B C} (f : A -> B -> C) a : forall b, (length (map2 f a b) <= length a)%nat.
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try lia. specialize (IH b). lia. Qed.

Section Leaf.

Variable region : option ball.
Variable blocks : list block.
Variable vals : list (list R).
Variable bd : bounds.
Hypothesis plan : plan_means region blocks vals.
Hypothesis sorted : earlier blocks = true.
Hypothesis hold : bounds_hold bd vals.

Theorem tighten_correct b : (b < length (bd_lo bd))%nat ->
  match tighten blocks b bd with
  | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd)
  | None => False
  end.
Proof.
  intros B. destruct plan as [PL PM]. pose proof hold as [E [L H]]. unfold tighten.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:K; [|split; [exact hold | reflexivity]].
  assert (BL : (b < length blocks)%nat) by lia.
  destruct (pair_means _ _ _ _ _ _ _ (PM b BL) K) as [D [[L1 [L2 V]] [IU IW]]].
  set (delta := bk_delta (nth b blocks no_block)) in *.
  assert (U := earlier_sources _ _ sorted BL _ IU). assert (W := earlier_sources _ _ sorted BL _ IW).
  assert (HU := H u ltac:(lia)). assert (HW := within_picked sigma _ _ _ (H w ltac:(lia))). assert (HD := H b B).
  destruct (difference_vectors delta _ _ _ L1 L2 V) as [VD [VU VW]].
  pose proof (within_differences delta _ _ _ _ _ _ D HU HW ltac:(lia)) as TD. rewrite <- VD in TD.
  pose proof (within_meet _ _ _ HD _ _ TD) as HD'. clear TD.
  pose proof (within_parts delta _ _ _ HD') as HP.
  assert (LP : length (map (fun x => x / pow2 delta) (values vals b)) = length (values vals b)) by apply map_length.
  pose proof (within_plus _ _ _ HW _ _ _ HP ltac:(lia)) as TU. rewrite <- VU in TU.
  pose proof (within_meet _ _ _ HU _ _ TU) as HU'. clear TU.
  destruct (set_bounds_correct bd vals b _ _ hold B HD') as [bd1 [-> [H1 E1]]].
  destruct (set_bounds_correct bd1 vals u _ _ H1 ltac:(lia) HU') as [bd2 [-> [H2 E2]]].
  destruct sigma as [index|]; [split; [assumption | lia]|].
  pose proof (within_minus _ _ _ HU' _ _ _ HP ltac:(lia)) as TW. rewrite <- VW in TW.
  pose proof (within_meet _ _ _ HW _ _ TW) as HW'.
  destruct (set_bounds_correct bd2 vals w _ _ H2 ltac:(lia) HW') as [bd3 [-> [H3 E3]]]. split; [assumption | lia].
Qed.

Theorem enclose_correct b img : b = length (bd_lo bd) -> (b < length blocks)%nat ->
  pair_of (nth b blocks no_block) <> None ->
  (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
  within (fst (enclose (nth b blocks no_block) img bd)) (snd (enclose (nth b blocks no_block) img bd)) (values vals b).
Proof.
  intros B BL K IM. destruct plan as [PL PM]. pose proof hold as [E [L H]]. unfold enclose.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:KP; [clear K | congruence].
  pose proof (PM b BL) as M. pose proof (earlier_sources _ _ sorted BL) as S.
  destruct (pair_means _ _ _ _ _ _ _ M KP) as [D [[L1 [L2 V]] [IU IW]]].
  set (delta := bk_delta (nth b blocks no_block)) in *.
  assert (U := S u IU). assert (W := S w IW).
  destruct (difference_vectors delta _ _ _ L1 L2 V) as [VD _].
  pose proof (within_differences delta _ _ _ _ _ _ D (H u ltac:(lia)) (within_picked sigma _ _ _ (H w ltac:(lia)))
    ltac:(lia)) as T.
  rewrite <- VD in T. clear VD.
  destruct M as [_ [_ M]]. unfold pair_of, relation_of, sources in KP, IM, S.
  destruct (bk_kind (nth b blocks no_block)); try discriminate; [exact T | |].
  - injection KP as -> -> ->. destruct M as [_ [MU [MW [L3 [L4 MI]]]]]. simpl in S.
    apply within_meet; [exact T|].
    assert (R0 := within_relu_difference delta _ _ _ (H x ltac:(rewrite <- B; apply S; tauto)) _ _ _ _ _ _
      (within_picked sigma _ _ _ (H y ltac:(rewrite <- B; apply S; tauto))) (H inner ltac:(rewrite <- B; apply S;
        tauto)) L3 L4 MI).
    rewrite <- gathered_relu, <- MU, <- MW, <- V in R0.
    destruct sigma as [index|]; [|exact R0]. simpl where_paired. apply within_choose; [|exact R0 | exact T].
    rewrite <- L2. simpl. unfold gather. rewrite map_length. reflexivity.
  - apply within_meet; [exact T | apply IM; discriminate].
Qed.

Theorem open_entries_inside b : (b < length (bd_lo bd))%nat ->
  Forall (fun i => (i < length (values vals b))%nat) (open_entries blocks b bd).
Proof.
  intros B. destruct plan as [PL PM]. destruct hold as [E [L H]]. unfold open_entries.
  eapply Forall_impl; [|apply places_below]. simpl. intros i I. eapply Nat.lt_le_trans; [exact I|]. clear i I.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:K.
  - assert (BL : (b < length blocks)%nat) by lia.
    destruct (pair_means _ _ _ _ _ _ _ (PM b BL) K) as [_ [[L1 _] [IU _]]].
    pose proof (earlier_sources _ _ sorted BL _ IU). destruct (within_length _ _ _ (H u ltac:(lia))) as [LU _].
    eapply Nat.le_trans; [apply map2_short|]. rewrite <- L1, <- LU. apply map2_short.
  - destruct (within_length _ _ _ (H b B)) as [LB _]. rewrite <- LB. apply map2_short.
Qed.

End Leaf.

Theorem enclose_block_correct region blocks vals bd img : plan_means region blocks vals -> earlier blocks = true ->
  bounds_hold bd vals -> let b := length (bd_lo bd) in
  (b < length blocks)%nat -> pair_of (nth b blocks no_block) <> None ->
  (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
  match enclose_block blocks img bd with
  | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = S b
  | None => False
  end.
Proof.
  intros P S H b B K I. unfold enclose_block. fold b.
  pose proof (enclose_correct region blocks vals bd P S H b img eq_refl B K I) as W.
  destruct (enclose (nth b blocks no_block) img bd) as [lo hi]. simpl in W. rewrite (crossed_within _ _ _ W).
  assert (H' := append_bounds_correct bd vals lo hi H ltac:(destruct P as [-> _]; exact B) W).
  assert (T := tighten_correct region blocks vals _ P S H' b).
  assert (N : length (bd_lo bd ++ [lo]) = Datatypes.S b) by (rewrite app_length; simpl; unfold b; lia).
  simpl in T. rewrite N in T. apply T. lia.
Qed.

(** The pair rule at a block, with the bounds of a leaf. *)
Definition push_block (blk : block) (size_w : nat) (bd : bounds) (cd cu cw : list Z)
    (hint : option (list Z * list Z)) : option pushed :=
  match bk_kind blk with
  | KPairRelu _ _ sigma inner x y =>
      push_pair (bk_delta blk) sigma size_w cd cu cw (lows bd x, highs bd x)
        (picked sigma (lows bd y), picked sigma (highs bd y)) (lows bd inner, highs bd inner) hint
  | _ => None
  end.

Theorem push_block_correct region blocks vals bd b u w sigma inner x y cd cu cw hint :
  plan_means region blocks vals -> earlier blocks = true -> bounds_hold bd vals -> (b < length (bd_lo bd))%nat ->
  bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
  match push_block (nth b blocks no_block) (bk_size (nth w blocks no_block)) bd cd cu cw hint with
  | Some p => dot (on_u p) (values vals u) + dot (on_w p) (values vals w) + dot (on_x p) (values vals x)
              + dot (on_inner p) (values vals inner) + dot (on_y p) (values vals y) + IZR (push_constant p)
              <= dot cd (values vals b) + dot cu (values vals u) + dot cw (values vals w)
  | None => False
  end.
Proof.
  intros [PL PM] S [E [L H]] B K. assert (BL : (b < length blocks)%nat) by lia.
  pose proof (earlier_sources _ _ S BL) as O. destruct (PM b BL) as [_ [D M]]. unfold sources in O. rewrite K in M, O.
  destruct M as [M1 [M2 [M3 M4]]]. simpl in O. unfold push_block. rewrite K.
  assert (Ow : (w < b)%nat) by (apply O; tauto). destruct (PM w ltac:(lia)) as [SW _].
  apply push_pair_correct; try assumption.
  - apply H. assert (x < b)%nat by (apply O; tauto). lia.
  - apply within_picked, H. assert (y < b)%nat by (apply O; tauto). lia.
  - apply H. assert (inner < b)%nat by (apply O; tauto). lia.
Qed.

(** Differences are enclosed, tightened and pushed back soundly, on every leaf; what a functional has on a difference
    without a relation is exactly what goes to its parts. *)
Theorem difference_correct region blocks vals bd : plan_means region blocks vals -> earlier blocks = true ->
  bounds_hold bd vals ->
  (forall img, let b := length (bd_lo bd) in
    (b < length blocks)%nat -> pair_of (nth b blocks no_block) <> None ->
    (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
    match enclose_block blocks img bd with
    | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = S b
    | None => False
    end)
  /\ (forall b, (b < length (bd_lo bd))%nat ->
    match tighten blocks b bd with
    | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd)
    | None => False
    end)
  /\ (forall b u w sigma inner x y cd cu cw hint, (b < length (bd_lo bd))%nat ->
    bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
    match push_block (nth b blocks no_block) (bk_size (nth w blocks no_block)) bd cd cu cw hint with
    | Some p => dot (on_u p) (values vals u) + dot (on_w p) (values vals w) + dot (on_x p) (values vals x)
                + dot (on_inner p) (values vals inner) + dot (on_y p) (values vals y) + IZR (push_constant p)
                <= dot cd (values vals b) + dot cu (values vals u) + dot cw (values vals w)
    | None => False
    end)
  /\ (forall b u w sigma c, (b < length blocks)%nat -> bk_kind (nth b blocks no_block) = KDirect u w sigma ->
    let on := push_direct (bk_delta (nth b blocks no_block)) sigma (bk_size (nth w blocks no_block)) c in
    dot (fst on) (values vals u) + dot (snd on) (values vals w) = dot c (values vals b)).
Proof.
  intros P S H. repeat split.
  - intros img. apply (enclose_block_correct region); assumption.
  - intros b. apply (tighten_correct region); assumption.
  - intros b u w sigma inner x y cd cu cw hint B K. apply (push_block_correct region blocks vals bd b u w sigma inner
    x y); assumption.
  - intros b u w sigma c B K on. destruct P as [PL PM]. destruct (PM b B) as [_ [D M]].
    pose proof (earlier_sources _ _ S B w) as O. unfold sources in O. rewrite K in M, O. simpl in O.
    destruct (PM w ltac:(lia)) as [SW _]. apply push_direct_correct; assumption.
Qed.
