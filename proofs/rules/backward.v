(** Rule *backward*: a lower bound of one linear functional, pushed back through the blocks to the inputs.
    Spec: rules.md#backward.

    The functional is a constant plus coefficients on n' = n - lo >= 0 of every block: whole ones, and contributions of
    affine blocks with q fraction bits, which are rounded down when their block is taken. *)
From Coq Require Import ZArith Reals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans map_rules.
From Certify.rules Require Import domain forward difference.
Import ListNotations.
Open Scope Z_scope.

(** [ps_seen] tells blocks that nothing was added to from those whose coefficients are zero: a pair without a
    contribution leaves its parts alone, which rounds them later. *)
Record pass := { ps_whole : list (list Z); ps_part : list (list Z); ps_seen : list bool; ps_constant : Z }.

Section Pass.

Variable blocks : list block.
Variable consts : list (list Z * list Z).
Variable maps_q : prepared.
Variables q g : Z.
Variable region : option ball.
Variable bd : bounds.
Variable h : hints.

(** Add C . n'_b. *)
Definition add_above (b : nat) (c : list Z) (st : pass) : pass :=
  {| ps_whole := update b (addl c) [] (ps_whole st); ps_part := ps_part st;
     ps_seen := update b (fun _ => true) false (ps_seen st); ps_constant := ps_constant st |}.

Definition add_constant (k : Z) (st : pass) : pass :=
  {| ps_whole := ps_whole st; ps_part := ps_part st; ps_seen := ps_seen st; ps_constant := ps_constant st + k |}.

(** Add C . n_b. *)
Definition add (b : nat) (c : list Z) (st : pass) : pass := add_constant (zdot c (lows bd b)) (add_above b c st).

Definition add_part (b : nat) (c : list Z) (st : pass) : pass :=
  {| ps_whole := ps_whole st; ps_part := update b (addl c) [] (ps_part st);
     ps_seen := update b (fun _ => true) false (ps_seen st); ps_constant := ps_constant st |}.

(** The coefficients on n'_b, rounded down. *)
Definition coefficients (b : nat) (st : pass) : list Z :=
  let w := nth b (ps_whole st) [] in
  match nth b (ps_part st) [] with [] => w | f => addl w (map (fun x => Z.shiftr x q) f) end.

Definition removed (b : nat) (st : pass) : pass :=
  {| ps_whole := update b (fun _ => []) [] (ps_whole st); ps_part := update b (fun _ => []) [] (ps_part st);
     ps_seen := ps_seen st; ps_constant := ps_constant st |}.

(** C with C . n'_b. *)
Definition take (b : nat) (st : pass) : list Z * pass := (coefficients b st, removed b st).

(** C with C . n_b. *)
Definition take_all (b : nat) (st : pass) : list Z * pass :=
  let c := coefficients b st in (c, add_constant (- zdot c (lows bd b)) (removed b st)).

(** A coefficient c of relu x, x in [l, u]: (slope on x, constant). *)
Definition relu_line (c l u : Z) (hint : option Z) : Z * Z :=
  if 0 <=? l then (c, 0)
  else if (u <=? 0) || (c =? 0) then (0, 0)
  else
    let p := match hint with
             | Some p => p
             | None => if 0 <=? c then (if - l <? u then c else 0)
                       else Z.shiftr (c * (Z.shiftl u slope_bits / (u - l))) slope_bits
             end in
    (p, negpart (Z.min (- p * l) ((c - p) * u))).

Definition hd_hint (hint : option (list Z)) : option Z :=
  match hint with Some p => Some (hd 0 p) | None => None end.

Fixpoint relu_lines (c l u : list Z) (hint : option (list Z)) : list Z * Z :=
  match c, l, u with
  | c0 :: c', l0 :: l', u0 :: u' =>
      let '(p, k) := relu_line c0 l0 u0 (hd_hint hint) in
      let '(ps, ks) := relu_lines c' l' u' (option_map (@tl Z) hint) in
      (p :: ps, k + ks)
  | _, _, _ => ([], 0)
  end.

Definition push_relation (b : nat) (st : pass) : pass :=
  let '(c, st) := take_all b st in
  let '(low, width) := nth b consts ([], []) in
  let st := add_constant (shift_down (zdot c low + negdot c width) (- g)) st in
  fold_left (fun st m => add_part (snd m) (pull_below (fst m) c) st) (nth b maps_q []) st.

Definition push_relu (b s : nat) (st : pass) : pass :=
  let '(c, st) := take_all b st in
  let '(p, k) := relu_lines c (lows bd s) (highs bd s) (option_map fst (lookup b (hn_slopes h))) in
  add s p (add_constant k st).

Definition size_of (b : nat) : nat := bk_size (nth b blocks no_block).

Definition push_direct_block (b u w : nat) (sigma : option (list Z)) (st : pass) : pass :=
  let '(c, st) := take_all b st in
  let '(on_u, on_w) := push_direct (bk_delta (nth b blocks no_block)) sigma (size_of w) c in
  add w on_w (add u on_u st).

Definition push_pair_relu (b u w inner x y : nat) (st : pass) : option pass :=
  let '(cd, st) := take_all b st in
  let '(cu, st) := take_all u st in
  let '(cw, st) := take_all w st in
  match push_block (nth b blocks no_block) (size_of w) bd cd cu cw (lookup b (hn_slopes h)) with
  | None => None
  | Some p =>
      Some (add y (on_y p) (add x (on_x p) (add inner (on_inner p)
             (add w (on_w p) (add u (on_u p) (add_constant (push_constant p) st))))))
  end.

Definition end_at (b : nat) (first : bool) (st : pass) : pass :=
  let '(c, st) := take b st in
  let k := if first then support region c (lows bd b) (highs bd b) else negdot c (subz (highs bd b) (lows bd b)) in
  add_constant k st.

(** Take block b out of the functional. *)
Definition push (b : nat) (st : pass) : option pass :=
  if nth b (ps_seen st) false then
    match bk_kind (nth b blocks no_block) with
    | KInput second => Some (end_at b (negb second) st)
    | KFree _ => Some (end_at b false st)
    | KRelu s => Some (push_relu b s st)
    | KAffine _ | KPairAffine _ _ _ _ => Some (push_relation b st)
    | KDirect u w sigma => Some (push_direct_block b u w sigma st)
    | KPairRelu u w _ inner x y => push_pair_relu b u w inner x y st
    end
  else Some st.

(** From block n - 1 down to the first. *)
Fixpoint push_all (n : nat) (st : pass) : option pass :=
  match n with
  | O => Some st
  | S b => match push b st with None => None | Some st' => push_all b st' end
  end.

(** T . n' >= sum of min(T, 0) (hi - lo) for any T: T comes off the coefficients, the bound is added. *)
Definition multiply (st : pass) (m : nat * list Z) : pass :=
  let '(b, t) := m in
  add_constant (negdot t (subz (highs bd b) (lows bd b))) (add_above b (map Z.opp t) st).

Definition empty_pass : pass := {| ps_whole := []; ps_part := []; ps_seen := []; ps_constant := 0 |}.

Definition begin (start : list (nat * list Z)) : pass :=
  fold_left multiply (hn_multipliers h) (fold_left (fun st c => add (fst c) (snd c) st) start empty_pass).

End Pass.

(** What is left at the end (nothing, when sources are earlier blocks) is bounded by the box. *)
Fixpoint leftover (cs : list (list Z)) (los his : list (list Z)) : Z :=
  match cs, los, his with
  | [] :: cs', _ :: los', _ :: his' => leftover cs' los' his'
  | c :: cs', lo :: los', hi :: his' => negdot c (subz hi lo) + leftover cs' los' his'
  | _, _, _ => 0
  end.

(** A lower bound of the sum of C_b . n_b; None: nothing is in the leaf. *)
Definition lower (blocks : list block) (consts : list (list Z * list Z)) (maps_q : prepared) (q g : Z)
    (region : option ball) (bd : bounds) (h : hints) (start : list (nat * list Z)) : option Z :=
  match push_all blocks consts maps_q q g region bd h (length (bd_lo bd)) (begin bd h start) with
  | None => None
  | Some st => Some (ps_constant st + leftover (ps_whole st) (bd_lo bd) (bd_hi bd)
                     + shift_down (leftover (ps_part st) (bd_lo bd) (bd_hi bd)) (- q))
  end.

(** ** Soundness: the value of a pass never grows *)

Open Scope R_scope.

Lemma nth_aboves los : forall vals b, nth b (map2 above los vals) [] = above (nth b los []) (nth b vals []).
Proof.
  induction los as [|lo los IH]; intros [|v vals] [|b]; simpl; try reflexivity.
  - unfold above. destruct lo; reflexivity.
  - destruct (nth b los []); reflexivity.
  - apply IH.
Qed.

Lemma dot_nil_l v : dot [] v = 0.
Proof. reflexivity. Qed.

Lemma dots_nil_r cs : dots cs [] = 0.
Proof. destruct cs; reflexivity. Qed.

Lemma dots_clear b : forall cs vs, dots (update b (fun _ => []) [] cs) vs = dots cs vs - dot (nth b cs []) (nth b vs []).
Proof.
  induction b as [|b IH]; intros [|c cs] [|v vs]; cbn [update dots nth];
    rewrite ?IH, ?dot_nil_r, ?dot_nil_l, ?dots_nil_r; try lra.
  all: cbn [dots]; rewrite ?IH, ?dot_nil_r, ?dot_nil_l, ?dots_nil_r; try lra.
  all: try (destruct b; cbn [nth dots]; rewrite ?dot_nil_r, ?dot_nil_l; lra).
Qed.

Lemma dot_sum c (f g : nat -> R) l : dot c (map (fun i => f i + g i) l) = dot c (map f l) + dot c (map g l).
Proof. revert c; induction l as [|i l IH]; intros [|a c]; simpl; rewrite ?dot_nil_r; unfold dot in *; simpl; try lra.
  rewrite IH. lra. Qed.

Lemma dot_times c k (f : nat -> R) l : dot c (map (fun i => k * f i) l) = k * dot c (map f l).
Proof. revert c; induction l as [|i l IH]; intros [|a c]; simpl; rewrite ?dot_nil_r; unfold dot in *; simpl; try lra.
  rewrite IH. lra. Qed.

Lemma dot_zero c (l : list nat) : dot c (map (fun _ => 0) l) = 0.
Proof. revert c; induction l as [|i l IH]; intros [|a c]; simpl; rewrite ?dot_nil_r; unfold dot in *; simpl; try lra.
  rewrite IH. lra. Qed.

(** The constant of a relation, for any coefficients. *)
Lemma dot_enclosed lo hi v : within lo hi v -> forall c, IZR (zdot c lo + negdot c (subz hi lo)) <= dot c v.
Proof.
  intros W c. rewrite plus_IZR, (dot_above _ _ _ W). pose proof (negdot_le _ _ _ W c). lra.
Qed.

Lemma relu_line_le c l u x hint : IZR l <= x <= IZR u ->
  let r := relu_line c l u hint in IZR (fst r) * x + IZR (snd r) <= IZR c * relu x.
Proof.
  intros B. unfold relu_line, relu. destruct (Z.leb_spec 0 l) as [P | N].
  - apply IZR_le in P. simpl. rewrite Rmax_left by lra. lra.
  - apply IZR_lt in N. destruct (Z.leb_spec u 0) as [U | U]; cbn [orb].
    + apply IZR_le in U. simpl. rewrite Rmax_right by lra. lra.
    + destruct (Z.eqb_spec c 0) as [-> | C]; [simpl; lra|]. apply IZR_lt in U.
      set (p := match hint with Some p => p | None => _ end). clearbody p. cbn [fst snd]. unfold negpart.
      set (k := Z.min (Z.min (- p * l) ((c - p) * u)) 0).
      assert (K1 : (k <= - p * l)%Z) by lia. assert (K2 : (k <= (c - p) * u)%Z) by lia. assert (K3 : (k <= 0)%Z) by lia.
      apply IZR_le in K1, K2, K3. rewrite mult_IZR in K1, K2. rewrite opp_IZR in K1. rewrite minus_IZR in K2.
      destruct (Rle_or_lt 0 x) as [X | X].
      * rewrite Rmax_left by lra. destruct (Rle_or_lt 0 (IZR c - IZR p)) as [D | D].
        -- assert (0 <= (IZR c - IZR p) * x) by (apply Rmult_le_pos; lra). lra.
        -- assert ((IZR c - IZR p) * IZR u <= (IZR c - IZR p) * x) by (apply Rmult_le_compat_neg_l; lra). lra.
      * rewrite Rmax_right by lra. rewrite Rmult_0_r. destruct (Rle_or_lt 0 (IZR p)) as [D | D].
        -- assert (IZR p * x <= IZR p * 0) by (apply Rmult_le_compat_l; lra). lra.
        -- assert (IZR p * x <= IZR p * IZR l) by (apply Rmult_le_compat_neg_l; lra). lra.
Qed.

Lemma relu_lines_le l u x : within l u x -> forall c hint,
  let r := relu_lines c l u hint in dot (fst r) x + IZR (snd r) <= dot c (map relu x).
Proof.
  induction 1 as [|l0 u0 x0 l u x B W IH]; intros [|c0 c] hint; simpl; rewrite ?dot_nil_r; try (unfold dot; simpl; lra).
  pose proof (relu_line_le c0 l0 u0 x0 (hd_hint hint) B) as E. specialize (IH c (option_map (@tl Z) hint)).
  destruct (relu_line c0 l0 u0 (hd_hint hint)) as [p k]. destruct (relu_lines c l u (option_map (@tl Z) hint)) as [ps ks].
  cbn [fst snd] in *. rewrite !dot_cons, plus_IZR. lra.
Qed.

Section Soundness.

Variable blocks : list block.
Variable maps_q maps_g : prepared.
Variables q g : Z.
Variable region : option ball.
Variable bd : bounds.
Variable h : hints.
Variable vals : list (list R).

Hypothesis plan_holds : plan_means region blocks vals.
Hypothesis bounds_are : bounds_hold bd vals.
Hypothesis sorted : earlier blocks = true.
Hypothesis q_positive : (0 <= q)%Z.
Hypothesis maps_q_are : forall b,
  (b < length blocks)%nat -> prepare_block q (nth b blocks no_block) = Some (nth b maps_q []).
Hypothesis maps_g_are : forall b,
  (b < length blocks)%nat -> prepare_block g (nth b blocks no_block) = Some (nth b maps_g []).
Hypothesis maps_g_length : length maps_g = length blocks.

Let consts := constants g blocks maps_g bd.
Let n := length (bd_lo bd).
Let N := map2 above (bd_lo bd) vals.

Definition value (st : pass) : R := IZR (ps_constant st) + dots (ps_whole st) N + pow2 (- q) * dots (ps_part st) N.

Lemma above_at b : nth b N [] = above (lows bd b) (values vals b).
Proof. unfold N. apply nth_aboves. Qed.

Lemma covered_blocks b : (b < n)%nat -> (b < length blocks)%nat.
Proof. destruct plan_holds as [P _]. destruct bounds_are as (_ & L & _). unfold n. lia. Qed.

Lemma within_at b : (b < n)%nat -> within (lows bd b) (highs bd b) (values vals b).
Proof. apply bounds_are. Qed.

Lemma value_constant k st : value (add_constant k st) = value st + IZR k.
Proof. unfold value; simpl. rewrite plus_IZR. lra. Qed.

Lemma value_above b c st : value (add_above b c st) = value st + dot c (above (lows bd b) (values vals b)).
Proof. unfold value; simpl. rewrite dots_update, above_at. lra. Qed.

Lemma value_part b c st : value (add_part b c st) = value st + pow2 (- q) * dot c (above (lows bd b) (values vals b)).
Proof. unfold value; simpl. rewrite dots_update, above_at. lra. Qed.

Lemma value_add b c st : (b < n)%nat -> value (add bd b c st) = value st + dot c (values vals b).
Proof. intros L. unfold add. rewrite value_constant, value_above, (dot_above _ _ _ (within_at b L) c). lra. Qed.

Lemma above_positive b : Forall (fun x => 0 <= x) (above (lows bd b) (values vals b)).
Proof.
  destruct (Nat.lt_ge_cases b n) as [L | L].
  - eapply above_nonneg. apply within_at. exact L.
  - unfold lows. rewrite nth_overflow by exact L. constructor.
Qed.

Lemma value_take b st : value (snd (take q b st)) + dot (fst (take q b st)) (above (lows bd b) (values vals b)) <= value st.
Proof.
  unfold take, value, removed; simpl. rewrite !dots_clear, !above_at.
  set (a := above (lows bd b) (values vals b)). set (w := nth b (ps_whole st) []). set (f := nth b (ps_part st) []).
  assert (C : dot (coefficients q b st) a <= dot w a + pow2 (- q) * dot f a).
  { unfold coefficients. fold w f. destruct f as [|f0 f'] eqn:E.
    - unfold dot at 3; simpl. lra.
    - rewrite <- E. rewrite dot_addl. pose proof (dot_shiftr_le f q a (above_positive b) q_positive). lra. }
  lra.
Qed.

Lemma value_take_all b st : (b < n)%nat ->
  value (snd (take_all q bd b st)) + dot (fst (take_all q bd b st)) (values vals b) <= value st.
Proof.
  intros L. pose proof (value_take b st) as T. unfold take in T. unfold take_all. cbn [fst snd] in *.
  rewrite value_constant, opp_IZR, (dot_above _ _ _ (within_at b L)). lra.
Qed.

Lemma sources_covered b s : (b < n)%nat -> In s (sources (nth b blocks no_block)) -> (s < n)%nat.
Proof. intros L I. pose proof (earlier_sources _ _ sorted (covered_blocks b L) s I). lia. Qed.

(** *** Relations *)

Lemma const_at b r : (b < n)%nat -> relation_of (nth b blocks no_block) = Some r ->
  nth b consts ([], []) =
  let k := constant g (rl_bias r) (bk_scale (nth b blocks no_block)) (bk_size (nth b blocks no_block)) (nth b maps_g
    []) bd in
  (fst k, subz (snd k) (fst k)).
Proof.
  intros L R. unfold consts, constants. pose proof (covered_blocks b L) as LB.
  assert (M : forall (f : block -> list (intmap * nat) -> list Z * list Z) bs ms i d1 d2 d,
    (i < length bs)%nat -> (i < length ms)%nat ->
     nth i (map2 f bs ms) d = f (nth i bs d1) (nth i ms d2)).
  { clear. intros f bs. induction bs as [|b0 bs IH]; intros [|m ms] [|i] d1 d2 d L1 L2; simpl in *; try lia; [reflexivity|].
    apply IH; lia. }
  rewrite (M _ _ _ b no_block []); [|rewrite firstn_length; fold n; lia | rewrite maps_g_length; exact LB].
  assert (F : nth b (firstn (length (bd_lo bd)) blocks) no_block = nth b blocks no_block).
  { fold n. clear - L. revert b L. generalize n. clear. induction blocks as [|x bs IH]; intros m b L.
    - rewrite firstn_nil. reflexivity.
    - destruct m; [lia|]. destruct b; cbn [firstn nth]; [reflexivity|]. apply IH. lia. }
  rewrite F. unfold block_constant. rewrite R. reflexivity.
Qed.

Lemma parts_le c m : forall terms Ms maps, terms_mean m vals terms Ms -> covered bd terms -> prepare q terms = Some maps ->
  forall st,
  value (fold_left (fun st (mm : intmap * nat) => add_part (snd mm) (pull_below (fst mm) c) st) maps st)
  <= value st + dot c (map (fun i => terms_at i terms Ms (fun s => above (lows bd s) (values vals s))) (seq 0 m)).
Proof.
  induction terms as [|t terms IH]; intros Ms maps T C P st; inversion T as [|? M ? Ms' TM T']; subst.
  - injection P as <-. simpl. rewrite dot_zero. lra.
  - destruct (prepare_inv _ _ _ _ P) as (im & ms & -> & S & P'). inversion C as [|? ? C1 C2]; subst.
    destruct TM as (F & D & L). cbn [fold_left fst snd]. eapply Rle_trans; [apply (IH Ms' ms T' C2 P')|].
    rewrite value_part. cbn [terms_at]. rewrite (dot_sum c (fun i => _ * nth i _ 0)).
    set (z := above (lows bd (rt_source t)) (values vals (rt_source t))).
    pose proof (pull_below_le _ _ _ _ _ _ F D S c z (above_positive _)) as PB.
    assert (LZ : length (apply M z) = m).
    { rewrite <- L. apply apply_same_length. unfold z. eapply above_length. apply within_at. exact C1. }
    rewrite (dot_times c (rt_factor t)), <- LZ, map_nth_seq.
    assert (E : pow2 (- q) * (pow2 (rt_shift t + q) * (IZR (rt_num t) / IZR (rt_den t)) * dot c (apply M z))
                = rt_factor t * dot c (apply M z)).
    { unfold rt_factor. rewrite bpow_plus.
      assert (PP : pow2 (- q) * pow2 q = 1) by (rewrite <- bpow_plus, Z.add_opp_diag_l; reflexivity).
      transitivity (IZR (rt_num t) / IZR (rt_den t) * pow2 (rt_shift t) * (pow2 (- q) * pow2 q) * dot c (apply M z));
        [ring | rewrite PP; ring]. }
    assert (pow2 (- q) * dot (pull_below im c) z <= rt_factor t * dot c (apply M z)).
    { rewrite <- E. apply Rmult_le_compat_l; [apply bpow_ge_0 | exact PB]. }
    lra.
Qed.

Lemma relation_le b r st : (b < n)%nat -> relation_of (nth b blocks no_block) = Some r ->
  value (push_relation consts maps_q q g bd b st) <= value st.
Proof.
  intros L R. unfold push_relation. pose proof (value_take_all b st L) as T.
  destruct (take_all q bd b st) as [c st1]. cbn [fst snd] in T. rewrite (const_at b r L R).
  pose proof (covered_blocks b L) as LB. pose proof (maps_q_are b LB) as Q. pose proof (maps_g_are b LB) as G.
  destruct plan_holds as [_ PM]. pose proof (PM b LB) as M.
  assert (RM : relation_means r (bk_scale (nth b blocks no_block)) (bk_size (nth b blocks no_block)) vals (values vals b)
               /\ covered bd (rl_terms r)).
  { unfold block_means in M. unfold relation_of in R. pose proof (sources_covered b) as S. unfold sources in S.
    destruct (bk_kind (nth b blocks no_block)); try discriminate; injection R as ->;
      (split; [tauto|]; apply Forall_forall; intros t I; apply S; [exact L|]).
    - apply in_map. exact I.
    - right. right. apply in_map. exact I. }
  unfold prepare_block in Q, G. rewrite R in Q, G. destruct RM as ((Ms & beta & TM & BM & V) & C).
  set (blk := nth b blocks no_block) in *.
  pose proof (constant_within bd vals (bk_size blk) g (bk_scale blk) (rl_bias r) (rl_terms r) Ms (nth b maps_g []) beta
    bounds_are TM C G BM) as W.
  destruct (constant g (rl_bias r) (bk_scale blk) (bk_size blk) (nth b maps_g []) bd) as [low high]. cbv zeta.
    cbn [fst snd] in W |- *.
  eapply Rle_trans; [apply (parts_le c (bk_size blk) _ _ _ TM C Q)|]. rewrite value_constant.
  pose proof (dot_enclosed _ _ _ W c) as K.
  assert (E : dot c (values vals b) = dot c (map (base_at bd (rl_terms r) Ms beta) (seq 0 (bk_size blk)))
     + dot c (map (fun i => terms_at i (rl_terms r) Ms (fun s => above (lows bd s) (values vals s))) (seq 0 (bk_size blk)))).
  { rewrite V, <- dot_sum. f_equal. apply map_ext. intros i. unfold base_at.
    rewrite (terms_split bd vals (bk_size blk) i bounds_are _ _ TM C). lra. }
  assert (B : IZR (shift_down (zdot c low + negdot c (subz high low)) (- g)) <= dot c (map (base_at bd (rl_terms r) Ms
    beta) (seq 0 (bk_size blk)))).
  { eapply Rle_trans; [apply shift_down_le|].
    replace (dot c (map (fun i => base_at bd (rl_terms r) Ms beta i * pow2 g) (seq 0 (bk_size blk))))
      with (pow2 g * dot c (map (base_at bd (rl_terms r) Ms beta) (seq 0 (bk_size blk)))) in K.
    2: { rewrite <- dot_times. f_equal. apply map_ext. intros i. lra. }
    assert (PP : pow2 g * pow2 (- g) = 1) by (rewrite <- bpow_plus, Z.add_opp_diag_r; reflexivity).
    apply Rle_trans with (pow2 g * dot c (map (base_at bd (rl_terms r) Ms beta) (seq 0 (bk_size blk))) * pow2 (- g)).
    - apply Rmult_le_compat_r; [apply bpow_ge_0 | exact K].
    - rewrite (Rmult_comm (pow2 g)), Rmult_assoc, PP. lra. }
  lra.
Qed.

(** *** Other blocks *)

Lemma relu_le b s st : (b < n)%nat -> bk_kind (nth b blocks no_block) = KRelu s -> value (push_relu q bd h b s st) <=
  value st.
Proof.
  intros L K. unfold push_relu. pose proof (value_take_all b st L) as T.
  destruct (take_all q bd b st) as [c st1]. cbn [fst snd] in T.
  assert (LS : (s < n)%nat) by (apply (sources_covered b); [exact L | unfold sources; rewrite K; left; reflexivity]).
  destruct plan_holds as [_ PM]. pose proof (PM b (covered_blocks b L)) as M. unfold block_means in M. rewrite K in M.
  destruct M as (_ & _ & V).
  pose proof (relu_lines_le _ _ _ (within_at s LS) c (option_map fst (lookup b (hn_slopes h)))) as RL. cbv zeta in RL.
  rewrite <- V in RL.
  destruct (relu_lines c (lows bd s) (highs bd s) (option_map fst (lookup b (hn_slopes h)))) as [p k]. cbn [fst snd] in RL.
  rewrite value_add by exact LS. rewrite value_constant. lra.
Qed.

Lemma direct_le b u w sigma st : (b < n)%nat -> bk_kind (nth b blocks no_block) = KDirect u w sigma ->
  value (push_direct_block blocks q bd b u w sigma st) <= value st.
Proof.
  intros L K. unfold push_direct_block. pose proof (value_take_all b st L) as T.
  destruct (take_all q bd b st) as [c st1]. cbn [fst snd] in T.
  assert (LU : (u < n)%nat) by (apply (sources_covered b); [exact L | unfold sources; rewrite K; left; reflexivity]).
  assert (LW : (w < n)%nat) by (apply (sources_covered b); [exact L | unfold sources; rewrite K; right; left; reflexivity]).
  destruct plan_holds as [_ PM]. pose proof (PM b (covered_blocks b L)) as M. unfold block_means in M. rewrite K in M.
  destruct M as (_ & D & V).
  pose proof (PM w (covered_blocks w LW)) as MW. destruct MW as (SW & _).
  pose proof (push_direct_correct _ sigma (size_of blocks w) c _ _ _ D SW V) as E.
  destruct (push_direct _ sigma (size_of blocks w) c) as [on_u_ on_w_]. cbn [fst snd] in E.
  rewrite !value_add by assumption. lra.
Qed.

Lemma pair_relu_le b u w sigma inner x y st : (b < n)%nat -> bk_kind (nth b blocks no_block) = KPairRelu u w sigma
  inner x y ->
  match push_pair_relu blocks q bd h b u w inner x y st with Some st' => value st' <= value st | None => False end.
Proof.
  intros L K. unfold push_pair_relu.
  assert (S : forall s, In s [u; w; inner; x; y] -> (s < n)%nat).
  { intros s I. apply (sources_covered b); [exact L | unfold sources; rewrite K; exact I]. }
  assert (LU : (u < n)%nat) by (apply S; simpl; auto). assert (LW : (w < n)%nat) by (apply S; simpl; auto).
  assert (LI : (inner < n)%nat) by (apply S; simpl; auto). assert (LX : (x < n)%nat) by (apply S; simpl; auto).
  assert (LY : (y < n)%nat) by (apply S; simpl; auto 6).
  pose proof (value_take_all b st L) as T. destruct (take_all q bd b st) as [cd st1].
  pose proof (value_take_all u st1 LU) as TU. destruct (take_all q bd u st1) as [cu st2].
  pose proof (value_take_all w st2 LW) as TW. destruct (take_all q bd w st2) as [cw st3]. cbn [fst snd] in *.
  pose proof (push_block_correct region blocks vals bd b u w sigma inner x y cd cu cw (lookup b (hn_slopes h))
    plan_holds sorted bounds_are L K) as P.
  unfold size_of. destruct (push_block _ _ bd cd cu cw _) as [p|]; [|exact P].
  rewrite !value_add by assumption. rewrite value_constant. lra.
Qed.

Lemma end_le b first st : (b < n)%nat ->
  (first = true -> region_means region (values vals b)) ->
  value (end_at q region bd b first st) <= value st.
Proof.
  intros L F. unfold end_at. pose proof (value_take b st) as T. destruct (take q b st) as [c st1]. cbn [fst snd] in T.
  rewrite value_constant. destruct first.
  - pose proof (support_correct region c _ _ _ (within_at b L) (F eq_refl)). lra.
  - pose proof (negdot_le _ _ _ (within_at b L) c). lra.
Qed.

Lemma push_le b st : (b < n)%nat ->
  match push blocks consts maps_q q g region bd h b st with Some st' => value st' <= value st | None => False end.
Proof.
  intros L. unfold push. destruct (nth b (ps_seen st) false); [|lra].
  pose proof plan_holds as [_ PM]. pose proof (PM b (covered_blocks b L)) as M. unfold block_means in M.
  destruct (bk_kind (nth b blocks no_block)) as [second | s | s | r | u w sigma | u w sigma inner x y | u w sigma r] eqn:K.
  - apply end_le; [exact L|]. destruct second; [discriminate|]. intros _. apply M.
  - apply relu_le; assumption.
  - apply end_le; [exact L | discriminate].
  - eapply relation_le; [exact L|]. unfold relation_of. rewrite K. reflexivity.
  - apply direct_le; assumption.
  - eapply pair_relu_le; eassumption.
  - eapply relation_le; [exact L|]. unfold relation_of. rewrite K. reflexivity.
Qed.

Lemma push_all_le k : (k <= n)%nat -> forall st,
  match push_all blocks consts maps_q q g region bd h k st with Some st' => value st' <= value st | None => False end.
Proof.
  induction k as [|k IH]; intros L st; simpl; [lra|]. pose proof (push_le k st ltac:(lia)) as P.
  destruct (push blocks consts maps_q q g region bd h k st) as [st1|]; [|exact P].
  specialize (IH ltac:(lia) st1). destruct (push_all _ _ _ _ _ _ _ _ k st1); [lra | exact IH].
Qed.

Lemma multiply_le m st : value (multiply bd st m) <= value st.
Proof.
  destruct m as [b t]. unfold multiply. rewrite value_constant, value_above, dot_opp.
  assert (IZR (negdot t (subz (highs bd b) (lows bd b))) <= dot t (above (lows bd b) (values vals b))); [|lra].
  destruct (Nat.lt_ge_cases b n) as [L | L].
  - apply negdot_le. apply within_at. exact L.
  - destruct bounds_are as (E & _). unfold lows, highs. rewrite !nth_overflow by (fold n; unfold n in *; lia).
    simpl. unfold above; simpl. rewrite dot_nil_r. destruct t; simpl; lra.
Qed.

Lemma begin_le start : Forall (fun c => (fst c < n)%nat) start ->
  value (begin bd h start) <= fold_right (fun c r => dot (snd c) (values vals (fst c)) + r) 0 start.
Proof.
  intros C. unfold begin.
  assert (A : forall ms st, value (fold_left (multiply bd) ms st) <= value st).
  { induction ms as [|m ms IH]; intros st; simpl; [lra|]. eapply Rle_trans; [apply IH | apply multiply_le]. }
  eapply Rle_trans; [apply A|].
  assert (B : forall st, value (fold_left (fun st c => add bd (fst c) (snd c) st) start st)
     = value st + fold_right (fun c r => dot (snd c) (values vals (fst c)) + r) 0 start).
  { clear A. induction C as [|c start Hc C IH]; intros st; simpl; [lra|]. rewrite IH, value_add by exact Hc. lra. }
  rewrite B. unfold value, empty_pass; simpl. lra.
Qed.

Lemma leftover_le : forall cs los his vs, (forall i,
  (i < length los)%nat -> within (nth i los []) (nth i his []) (nth i vs [])) ->
  length los = length his -> (length los <= length vs)%nat ->
  IZR (leftover cs los his) <= dots cs (map2 above los vs).
Proof.
  induction cs as [|c cs IH]; intros los his vs H E L; [simpl; lra|].
  destruct los as [|lo los], his as [|hi his]; try discriminate; [destruct c; simpl; lra|].
  destruct vs as [|v vs]; [simpl in L; lia|].
    assert (E0 : leftover (c :: cs) (lo :: los) (hi :: his) = (negdot c (subz hi lo) + leftover cs los his)%Z).
  { destruct c; reflexivity. }
  rewrite E0. cbn [map2 dots]. rewrite plus_IZR.
  pose proof (negdot_le _ _ _ (H 0%nat ltac:(simpl; lia)) c) as P. cbn [nth] in P.
  assert (Q : IZR (leftover cs los his) <= dots cs (map2 above los vs)).
  { apply IH; [intros i I; apply (H (S i)); simpl; lia | simpl in E; lia | simpl in L; lia]. }
  lra.
Qed.

Theorem backward_correct start : Forall (fun c => (fst c < n)%nat) start ->
  match lower blocks consts maps_q q g region bd h start with
  | Some k => IZR k <= fold_right (fun c r => dot (snd c) (values vals (fst c)) + r) 0 start
  | None => False
  end.
Proof.
  intros C. unfold lower. fold n. pose proof (push_all_le n (Nat.le_refl n) (begin bd h start)) as P.
  destruct (push_all blocks consts maps_q q g region bd h n (begin bd h start)) as [st|]; [|exact P].
  pose proof (begin_le start C) as B. eapply Rle_trans; [|exact B]. eapply Rle_trans; [|exact P].
  destruct bounds_are as (E & L & H). rewrite !plus_IZR. unfold value.
  pose proof (leftover_le (ps_whole st) _ _ vals H E L) as W. pose proof (leftover_le (ps_part st) _ _ vals H E L) as F.
  fold N in W, F. pose proof (shift_down_le (leftover (ps_part st) (bd_lo bd) (bd_hi bd)) (- q)) as SD.
  assert (IZR (leftover (ps_part st) (bd_lo bd) (bd_hi bd)) * pow2 (- q) <= pow2 (- q) * dots (ps_part st) N).
  { rewrite Rmult_comm. apply Rmult_le_compat_l; [apply bpow_ge_0 | exact F]. }
  lra.
Qed.

End Soundness.
