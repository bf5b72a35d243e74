(** Relations of blocks, and how those of differences come about: terms that match, terms that do not, constants.

    Everything is said in units of one: block b of a building stands for the vector [raw b], its value times 2^-scale.
    Spec: rules.md#difference. *)
From Coq Require Import ZArith Reals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps map_rules map_differences plans semantics result graph elaborate
  decoding.
Import ListNotations.
Open Scope R_scope.

(** ** Entries of vectors *)

Lemma nth_scale i v k : nth i (map (fun x => x * k) v) 0 = nth i v 0 * k.
Proof.
  replace 0 with ((fun x => x * k) 0) at 1 by (cbv beta; apply Rmult_0_l). apply (map_nth (fun x => x * k)).
Qed.

Lemma nth_minus i : forall a b, length a = length b -> nth i (map2 Rminus a b) 0 = nth i a 0 - nth i b 0.
Proof. induction i as [|i IH]; intros [|x a] [|y b] L; simpl in *; try discriminate; try lra. apply IH; lia. Qed.

(** A selection picks one entry for each of its own, or zero. *)
Lemma gathered_pick sigma i : exists j : option nat, forall v,
  nth i (gathered sigma v) 0 = match j with Some j => nth j v 0 | None => 0 end.
Proof.
  destruct sigma as [l|]; [|exists (Some i); reflexivity].
  exists (if nth i l (-1) <? 0 then None else Some (Z.to_nat (nth i l (-1))))%Z. intros v.
  simpl. unfold gather. change (nth i (map (nthz 0 v) l) 0) with (nth i (map (nthz 0 v) l) (nthz 0 v (-1)%Z)).
  rewrite map_nth. unfold nthz.
  destruct (nth i l (-1) <? 0)%Z; reflexivity.
Qed.

Lemma gathered_length l (v : list R) : length (gathered (Some l) v) = length l.
Proof. apply map_length. Qed.

Lemma gathered_scale sigma k v : gathered sigma (map (fun x => x * k) v) = map (fun x => x * k) (gathered sigma v).
Proof.
  destruct sigma as [l|]; [|reflexivity]. simpl. unfold gather. rewrite map_map. apply map_ext. intros i.
  unfold nthz. destruct (i <? 0)%Z; [lra | apply nth_scale].
Qed.

Lemma scale_scale a b (v : list R) : a * b = 1 -> map (fun x => x * b) (map (fun x => x * a) v) = v.
Proof.
  intros E. rewrite map_map. rewrite <- (map_id v) at 2. apply map_ext. intros x. rewrite Rmult_assoc, E. lra.
Qed.

Lemma pow2_inverse k : pow2 k * pow2 (- k) = 1.
Proof. rewrite <- bpow_plus, Z.add_opp_diag_r. reflexivity. Qed.

Lemma zeros_nth i n : nth i (repeat 0 n) 0 = 0.
Proof. revert n; induction i as [|i IH]; intros [|n]; simpl; auto. Qed.

Lemma gathered_zeros sigma m n : length (gathered sigma (repeat 0 m)) = n -> gathered sigma (repeat 0 m) = repeat 0 n.
Proof.
  intros <-. apply (nth_ext _ _ 0 0); [rewrite repeat_length; reflexivity|]. intros i _. rewrite zeros_nth.
  destruct (gathered_pick sigma i) as (j & ->). destruct j; [apply zeros_nth | reflexivity].
Qed.

Lemma sum_cons c l : sum (c :: l) = c + sum l.
Proof. reflexivity. Qed.

(** ** Constants *)

(** A constant of [n] entries within its enclosure. *)
Definition enclosed (e : option enclosure) (n : nat) (beta : list R) : Prop :=
  match e with
  | None => beta = repeat 0 n
  | Some (lo, hi, h) => length beta = n /\ within lo hi (map (fun x => x * pow2 h) beta)
  end.

Lemma enclosed_length e n beta : enclosed e n beta -> length beta = n.
Proof. destruct e as [[[lo hi] h]|]; simpl; [tauto | intros ->; apply repeat_length]. Qed.

(** In units of a block. *)
Lemma enclosed_bias e scale n beta : enclosed e n beta -> bias_means e scale n (map (fun x => x * pow2 scale) beta).
Proof.
  destruct e as [[[lo hi] h]|]; simpl.
  - intros [L W]. split; [rewrite map_length; exact L|]. rewrite map_map.
    replace (map (fun x => x * pow2 scale * pow2 (h - scale)) beta) with (map (fun x => x * pow2 h) beta); [exact W|].
    apply map_ext. intros x. rewrite Rmult_assoc, <- bpow_plus. do 2 f_equal. lia.
  - intros ->. induction n as [|n IH]; simpl; [reflexivity|]. rewrite IH. f_equal. lra.
Qed.

Lemma within_opp lo hi v : within lo hi v -> within (map Z.opp hi) (map Z.opp lo) (map Ropp v).
Proof. induction 1; simpl; constructor; [rewrite !opp_IZR; lra | assumption]. Qed.

Lemma within_minus lo hi a : within lo hi a -> forall lo' hi' b, length a = length b ->
  within lo' hi' (map Ropp b) -> within (map2 Z.add lo lo') (map2 Z.add hi hi') (map2 Rminus a b).
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros lo' hi' [|y b] L W'; simpl in *; try discriminate.
  - constructor.
  - inversion W'; subst. simpl. constructor; [rewrite !plus_IZR; lra|]. apply IH; [lia | assumption].
Qed.

Lemma within_gathered sigma lo hi v : within lo hi v ->
  within (gather_z sigma lo) (gather_z sigma hi) (gathered sigma v).
Proof.
  intros W. destruct sigma as [l|]; [|exact W]. simpl. unfold gather.
    induction l as [|i l IH]; simpl; constructor; [|exact IH].
  unfold nthz. destruct (i <? 0)%Z; [lra|]. pose proof (within_length _ _ _ W) as [L1 L2].
  destruct (Nat.lt_ge_cases (Z.to_nat i) (length v)) as [H | H].
  - apply within_nth; assumption.
  - rewrite !nth_overflow by lia. lra.
Qed.

Lemma opp_scale k v : map (fun x => x * k) (map Ropp v) = map Ropp (map (fun x => x * k) v).
Proof. rewrite !map_map. apply map_ext. intros; lra. Qed.

Lemma minus_scale k a : forall b, map (fun x => x * k) (map2 Rminus a b)
  = map2 Rminus (map (fun x => x * k) a) (map (fun x => x * k) b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try reflexivity. rewrite IH. f_equal. lra. Qed.

Lemma minus_zeros n : forall a, length a = n -> map2 Rminus a (repeat 0 n) = a.
Proof.
  induction n as [|n IH]; intros [|x a] L; simpl in *; try discriminate; [reflexivity|]. rewrite IH by lia. f_equal. lra.
Qed.

Lemma zeros_minus n : forall a, length a = n -> map2 Rminus (repeat 0 n) a = map Ropp a.
Proof.
  induction n as [|n IH]; intros [|x a] L; simpl in *; try discriminate; [reflexivity|]. rewrite IH by lia. f_equal. lra.
Qed.

(** b - S c *)
Lemma minus_bias_means a b sigma n m beta gamma : enclosed a n beta -> enclosed b m gamma ->
  length (gathered sigma gamma) = n -> enclosed (minus_bias a b sigma) n (map2 Rminus beta (gathered sigma gamma)).
Proof.
  intros A B L. pose proof (enclosed_length _ _ _ A) as LA. unfold minus_bias. destruct b as [[[lo2 hi2] h2]|].
  - destruct B as [LB WB]. apply (within_gathered sigma) in WB. rewrite gathered_scale in WB. apply within_opp in WB.
    rewrite <- opp_scale in WB. set (delta := gathered sigma gamma) in *.
    destruct a as [[[lo hi] h]|].
    + destruct A as [_ WA].
      destruct (common_bits_le lo hi h (map Z.opp (gather_z sigma hi2)) (map Z.opp (gather_z sigma lo2)) h2) as [C1 C2].
      pose proof (coarsened_low _ _ _ _ _ WA C1) as KA. pose proof (coarsened_low _ _ _ _ _ WB C2) as KB.
      destruct (coarsened lo hi h _) as [l1 u1], (coarsened (map Z.opp _) _ h2 _) as [l2 u2].
      split; [rewrite map_rules.map2_length; lia|]. simpl in KA, KB. rewrite minus_scale.
      apply within_minus; [exact KA | rewrite !map_length; congruence | rewrite <- opp_scale; exact KB].
    + simpl in A. subst beta. rewrite zeros_minus by exact L. split; [rewrite map_length; exact L | exact WB].
  - simpl in B. subst gamma. rewrite (gathered_zeros _ _ _ L), minus_zeros by exact LA. exact A.
Qed.

(** What identifies a constant of a view says what it is. *)
Definition key_value (s : store) (key : option (nat * nat)) (n : nat) : list R :=
  match key with None => repeat 0 n | Some (t, times) => bias_value s n (Some t) times end.

Lemma same_bias_means s sigma a b n m : same_bias sigma a b = true -> n = m ->
  length (key_value s a n) = n ->
  map2 Rminus (key_value s a n) (gathered sigma (key_value s b m)) = repeat 0 n.
Proof.
  intros S <- L. assert (E : sigma = None /\ a = b).
  { unfold same_bias in S. destruct sigma, a as [[t k]|], b as [[t' k']|]; try discriminate; auto.
    apply andb_prop in S as [S1 S2]. apply Nat.eqb_eq in S1, S2. subst. auto. }
  destruct E as [-> ->]. simpl. revert L. generalize (key_value s b n). intros l <-. clear S.
  induction l as [|x l IH]; simpl; [reflexivity|]. rewrite IH. f_equal. lra.
Qed.

(** ** Terms of a relation *)

Section Terms.

Variables (bu : building) (vals : list (list R)).

(** The vector that a block stands for. *)
Definition raw (b : nat) : list R := map (fun x => x * pow2 (- scale_at bu b)) (values vals b).

Lemma raw_length b : length (raw b) = length (values vals b).
Proof. apply map_length. Qed.

(** Terms that add up to F in every entry. *)
Definition terms_mean (n : nat) (scale : Z) (terms : list rterm) (F : nat -> R) : Prop :=
  exists Ms,
    Forall2 (fun t M => fm_means (rt_map t) M /\ (0 < rt_den t)%Z
                        /\ length (apply M (values vals (rt_source t))) = n) terms Ms
    /\ forall i, terms_at i terms Ms (values vals) = F i * pow2 scale.

Lemma terms_mean_ext n scale terms F G : terms_mean n scale terms F -> (forall i, F i = G i) -> terms_mean n scale terms G.
Proof.
  intros (Ms & A & B) E. exists Ms. split; [exact A|]. intros i. rewrite <- E. apply B.
Qed.

Lemma terms_mean_nil n scale : terms_mean n scale [] (fun _ => 0).
Proof. exists []. split; [constructor|]. intros i. simpl. lra. Qed.

Lemma terms_mean_app n scale a b F G : terms_mean n scale a F -> terms_mean n scale b G ->
  terms_mean n scale (a ++ b) (fun i => F i + G i).
Proof.
  intros (Ms & A & B) (Ns & C & D). exists (Ms ++ Ns). split; [apply Forall2_app; assumption|]. intros i.
  replace (terms_at i (a ++ b) (Ms ++ Ns) (values vals))
    with (terms_at i a Ms (values vals) + terms_at i b Ns (values vals)); [rewrite B, D; lra|].
  clear B. induction A as [|t M a Ms H A IH]; simpl; [lra|]. rewrite <- IH. lra.
Qed.

Lemma make_term_means n scale f num den b M : fm_means f M -> (0 < den)%Z ->
  length (apply M (values vals b)) = n ->
  terms_mean n scale [make_term bu scale f num den b] (fun i => IZR num / IZR den * nth i (apply M (raw b)) 0).
Proof.
  intros FM D L. exists [M]. split; [repeat constructor; assumption|].
  intros i. unfold raw. rewrite decoding.apply_scale, nth_scale. simpl. unfold rt_factor; simpl.
  unfold Z.sub. rewrite bpow_plus. lra.
Qed.

Lemma relation_holds terms bias scale n beta F v : terms_mean n scale terms F -> enclosed bias n beta ->
  length v = n -> (forall i, (i < n)%nat -> nth i v 0 = (nth i beta 0 + F i) * pow2 scale) ->
  relation_means {| rl_terms := terms; rl_bias := bias |} scale n vals v.
Proof.
  intros (Ms & A & B) E L H. exists Ms, (map (fun x => x * pow2 scale) beta). split; [exact A|].
  split; [apply enclosed_bias; exact E|]. simpl. apply (nth_ext _ _ 0 0).
  - rewrite map_length, seq_length. exact L.
  - intros i Hi. rewrite L in Hi.
    set (f := fun k => nth k (map (fun x => x * pow2 scale) beta) 0 + terms_at k terms Ms (values vals)).
    change (nth i v 0 = nth i (map f (seq 0 n)) 0).
    rewrite (nth_indep (map f _) 0 (f 0%nat)) by (rewrite map_length, seq_length; exact Hi).
    rewrite map_nth, seq_nth by exact Hi. simpl. unfold f. rewrite nth_scale, B, H by exact Hi. lra.
Qed.

(** ** Views *)

Variables (s : store) (syms : symbols).

Definition view_map (v : viewed) : lmap R := map_value s syms (vw_in v) (vw_out v) (vw_words v).

Definition viewed_ok (n : nat) (v : viewed) : Prop :=
  fm_means (vw_map v) (view_map v) /\ (0 < vw_den v)%Z
  /\ length (apply (view_map v) (values vals (vw_source v))) = n.

Definition factor (v : viewed) : R := IZR (vw_num v) / IZR (vw_den v).

(** What a term adds to entry i; and to entry i behind a selection. *)
Definition adds (v : viewed) (i : nat) : R := factor v * nth i (apply (view_map v) (raw (vw_source v))) 0.
Definition adds_behind (sigma : option (list Z)) (v : viewed) (i : nat) : R :=
  factor v * nth i (gathered sigma (apply (view_map v) (raw (vw_source v)))) 0.

Lemma relation_terms_mean n scale vs : Forall (viewed_ok n) vs ->
  terms_mean n scale (relation_terms bu scale vs) (fun i => sum (map (fun v => adds v i) vs)).
Proof.
  induction 1 as [|v vs (F & D & L) A IH]; simpl; [apply terms_mean_nil|].
  apply (terms_mean_app n scale [_] _ _ _ (make_term_means n scale _ _ _ _ _ F D L) IH).
Qed.

(** Selections that are used here give as many entries for each vector of [m]. *)
Definition selects (sigma : option (list Z)) (m n : nat) : Prop :=
  forall v : list R, length v = m -> length (gathered sigma v) = n.

Lemma apply_raw_length M b : length (apply M (raw b)) = length (apply M (values vals b)).
Proof. unfold raw. rewrite decoding.apply_scale. apply map_length. Qed.

Lemma negated_terms_mean n m scale sigma vs : selects sigma m n -> Forall (viewed_ok m) vs ->
  forall ts, negated_terms bu scale sigma vs = Ok ts ->
  terms_mean n scale ts (fun i => - sum (map (fun v => adds_behind sigma v i) vs)).
Proof.
  intros Sel. induction 1 as [|v vs (F & D & L) A IH]; intros ts H; simpl in H.
  - injection H as <-. eapply terms_mean_ext; [apply terms_mean_nil | intros; simpl; lra].
  - apply bind_ok in H. destruct H as (f & E & H). apply get_ok in E. apply bind_ok in H. destruct H as (rest & R & H).
    injection H as <-. destruct (gathered_map_correct _ _ _ _ F E) as (M & FM & EM).
    assert (LM : length (apply M (values vals (vw_source v))) = n) by (rewrite EM; apply Sel, L).
    eapply terms_mean_ext;
      [apply (terms_mean_app n scale [_] _ _ _ (make_term_means n scale f (- vw_num v) _ _ M FM D LM) (IH _ R))|].
    intros i. cbn [map]. rewrite sum_cons. unfold adds_behind at 2, factor. rewrite EM, opp_IZR. unfold Rdiv. lra.
Qed.

(** ** Matched terms: M x - S M' y = M d' + (M S' - S M') y with d' = x - S' y *)

Lemma same_map_eq a b : same_map a b = true -> view_map a = view_map b.
Proof.
  unfold same_map. rewrite !andb_true_iff. intros [[W I] O]. apply Nat.eqb_eq in I, O. unfold view_map. rewrite I, O.
  unfold same_words in W.
  destruct (vw_words a) as [|t|t g|t k|lo hi r], (vw_words b) as [|t'|t' g'|t' k'|lo' hi' r'];
    try (match type of W with context [map_eq_dec ?p ?q] =>
           destruct (map_eq_dec p q) as [E | _]; [try rewrite E; reflexivity | discriminate] end).
  apply andb_prop in W as [T W]. apply Nat.eqb_eq in T. subst t'. exact (same_pattern_instance _ _ _ W).
Qed.

(** The pairs of a building mean what they say. *)
Hypothesis pairs_hold : forall b blk u w sigma, nth_error (bu_blocks bu) b = Some blk -> pair_of blk = Some (u, w, sigma) ->
  length (values vals u) = length (values vals b) /\ length (gathered sigma (values vals w)) = length (values vals b) /\
  raw b = map2 Rminus (raw u) (gathered sigma (raw w)).

Lemma match_terms_mean n m scale sigma a b inner ts : selects sigma m n -> viewed_ok n a -> viewed_ok m b ->
  match_terms bu scale sigma a b inner = Ok ts ->
  terms_mean n scale ts (fun i => adds a i - adds_behind sigma b i).
Proof.
  intros Sel (FA & DA & LA) (FB & DB & LB) H. unfold match_terms in H.
  apply bind_ok in H. destruct H as (u0 & E & H). apply need_ok in E. apply andb_prop in E as [EN ED].
  apply Z.eqb_eq in EN, ED. assert (EF : factor a = factor b) by (unfold factor; rewrite EN, ED; reflexivity). clear u0.
  apply bind_ok in H. destruct H as ([here sigma_in] & P & H).
  (* x, y, and the terms on d' *)
  set (x := raw (vw_source a)) in *. set (y := raw (vw_source b)) in *.
  assert (Here : length (gathered sigma_in y) = length x /\
     terms_mean n scale here (fun i =>
       factor a * (nth i (apply (view_map a) x) 0 - nth i (apply (view_map a) (gathered sigma_in y)) 0))).
  { destruct inner as [p|].
    - apply bind_ok in P. destruct P as (pb & Ep & P). apply get_ok in Ep.
      destruct (pair_of pb) as [[[u w] si]|] eqn:Po; [|discriminate].
      apply bind_ok in P. destruct P as (u0 & E & P). apply need_ok in E. apply andb_prop in E as [Eu Ew].
      apply Nat.eqb_eq in Eu, Ew. injection P as <- <-.
      destruct (pairs_hold _ _ _ _ _ Ep Po) as (Lu & Lw & Rp). rewrite Eu, Ew in *. fold x y in Rp.
      assert (Lx : length (gathered si y) = length x).
      { subst x y. unfold raw at 1. rewrite gathered_scale, map_length, raw_length. congruence. }
      split; [exact Lx|].
      assert (Lr : length (raw p) = length (gathered si y)) by (rewrite Rp, map_rules.map2_length; lia).
      assert (Ex : x = map2 Rplus (raw p) (gathered si y)).
      { apply (nth_ext _ _ 0 0); [rewrite map_rules.map2_length; lia|]. intros i _.
        rewrite nth_add by exact Lr. rewrite Rp, nth_minus by congruence. lra. }
      eapply terms_mean_ext; [apply make_term_means with (M := view_map a); try assumption|].
      + rewrite <- LA. destruct (view_map a); simpl; rewrite ?map_length, ?map_rules.map2_length; congruence.
      + intros i. cbv beta. rewrite Ex at 1. rewrite apply_add by exact Lr. unfold factor. lra.
    - apply bind_ok in P. destruct P as (u0 & E & P). apply need_ok in E. apply Nat.eqb_eq in E. injection P as <- <-.
      subst x y. rewrite E. simpl. split; [reflexivity|].
        eapply terms_mean_ext; [apply terms_mean_nil | intros; simpl; lra]. }
  destruct Here as [Lx Here]. clear P.
  apply bind_ok in H. destruct H as (left & D & H). apply get_ok in D.
  pose proof (difference_map_correct _ _ _ _ _ _ _ _ _ FA FB (same_map_eq a b) D) as C. clear D.
  destruct left as [f|]; injection H as <-.
  - destruct C as (M & FM & EM).
    assert (LG : length (gathered sigma_in (values vals (vw_source b))) = length (values vals (vw_source a))).
    { subst x y. unfold raw in Lx. rewrite gathered_scale, !map_length in Lx. exact Lx. }
    assert (L1 : length (apply (view_map a) (gathered sigma_in (values vals (vw_source b)))) = n).
    { rewrite <- LA. destruct (view_map a); simpl; rewrite ?map_length, ?map_rules.map2_length; congruence. }
    assert (L2 : length (gathered sigma (apply (view_map b) (values vals (vw_source b)))) = n) by (apply Sel, LB).
    assert (LM : length (apply M (values vals (vw_source b))) = n) by (rewrite EM, map_rules.map2_length; lia).
    eapply terms_mean_ext; [apply (terms_mean_app _ _ _ _ _ _ Here (make_term_means n scale f _ _ _ M FM DA LM))|].
    intros i. cbv beta. fold y. rewrite EM, nth_minus.
    + unfold adds, adds_behind. fold x y. rewrite <- EF. fold (factor a). lra.
    + subst y. unfold raw. rewrite gathered_scale, !decoding.apply_scale, gathered_scale, !map_length. congruence.
  - eapply terms_mean_ext; [exact Here|]. intros i. cbv beta. rewrite C. unfold adds, adds_behind. fold x y.
      rewrite <- EF. lra.
Qed.

(** ** All matches: used and unused terms *)

(** What the terms whose index is not used add. *)
Fixpoint unused (k : nat) (used : list nat) (cs : list R) : R :=
  match cs with [] => 0 | c :: t => (if existsb (Nat.eqb k) used then 0 else c) + unused (S k) used t end.

Lemma unused_nil k cs : unused k [] cs = sum cs.
Proof. revert k; induction cs as [|c cs IH]; intros k; simpl; [reflexivity|]. rewrite IH. reflexivity. Qed.

Lemma unused_before i used cs : forall k, (i < k)%nat -> unused k (i :: used) cs = unused k used cs.
Proof.
  induction cs as [|c cs IH]; intros k L; simpl; [reflexivity|]. rewrite IH by lia.
  replace (k =? i)%nat with false by (symmetry; apply Nat.eqb_neq; lia). reflexivity.
Qed.

Lemma unused_take used cs : forall i k c, nth_error cs i = Some c -> existsb (Nat.eqb (k + i)) used = false ->
  unused k used cs = c + unused k ((k + i)%nat :: used) cs.
Proof.
  induction cs as [|c0 cs IH]; intros [|i] k c N F; simpl in N; try discriminate.
  - injection N as ->. rewrite Nat.add_0_r in *. simpl. rewrite F, Nat.eqb_refl, unused_before by lia. simpl. lra.
  - cbn [unused]. rewrite <- Nat.add_succ_comm in *. rewrite (IH i (S k) c N F). cbn [existsb].
    replace (k =? S k + i)%nat with false by (symmetry; apply Nat.eqb_neq; lia). simpl orb. lra.
Qed.

Lemma unmatched_sum f used vs : forall k, sum (map f (unmatched k used vs)) = unused k used (map f vs).
Proof.
  induction vs as [|v vs IH]; intros k; simpl; [reflexivity|]. destruct (existsb _ _); simpl; rewrite IH; lra.
Qed.

Lemma match_all_mean n m scale sigma us ws : selects sigma m n -> Forall (viewed_ok n) us -> Forall (viewed_ok m) ws ->
  forall matches used_u used_w ts uu uw, match_all bu scale sigma us ws matches used_u used_w = Ok (ts, uu, uw) ->
  terms_mean n scale ts (fun i =>
    let cu := map (fun v => adds v i) us in let cw := map (fun v => adds_behind sigma v i) ws in
    (unused 0 used_u cu - unused 0 uu cu) - (unused 0 used_w cw - unused 0 uw cw)).
Proof.
  intros Sel OU OW. induction matches as [|[[i j] inner] rest IH]; simpl; intros used_u used_w ts uu uw H.
  - injection H as <- <- <-. eapply terms_mean_ext; [apply terms_mean_nil | intros; simpl; lra].
  - apply bind_ok in H. destruct H as (a & Ea & H). apply get_ok in Ea.
    apply bind_ok in H. destruct H as (b & Eb & H). apply get_ok in Eb.
    apply bind_ok in H. destruct H as (u0 & F & H). apply need_ok in F. apply andb_prop in F as [Fu Fw].
    apply negb_true_iff in Fu, Fw. clear u0.
    apply bind_ok in H. destruct H as (here & Eh & H).
    apply bind_ok in H. destruct H as ([[others uu'] uw'] & Eo & H). injection H as <- <- <-.
    rewrite Forall_forall in OU, OW.
    pose proof (match_terms_mean n m scale sigma a b inner here Sel
                  (OU _ (nth_error_In _ _ Ea)) (OW _ (nth_error_In _ _ Eb)) Eh) as Here.
    specialize (IH _ _ _ _ _ Eo). eapply terms_mean_ext; [apply (terms_mean_app _ _ _ _ _ _ Here IH)|].
    intros k. cbv zeta beta.
    rewrite (unused_take used_u _ i 0 (adds a k)), (unused_take used_w _ j 0 (adds_behind sigma b k));
      try assumption; try (erewrite map_nth_error; [reflexivity | assumption]). simpl Nat.add. lra.
Qed.

End Terms.
