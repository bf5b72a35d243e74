(** Plans mean what their blocks say: under every valuation of the graph's nodes, the blocks of a plan take values for
    which every relation of the plan holds. Spec: rules.md#blocks, #difference. *)
From Coq Require Import ZArith Reals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps map_rules map_differences plans semantics result graph merge_rules
  elaborate decoding building_rules pair_rules.
Import ListNotations.
Open Scope R_scope.

(** ** Values of blocks *)

(** A node's block is the node in units of 2^-scale; a difference is u - S w, in finer units. *)
Definition value_of (b : block) (node : option nat) (gv acc : list (list R)) : list R :=
  match node with
  | Some n => map (fun v => v * pow2 (bk_scale b)) (nth n gv [])
  | None =>
      match pair_of b with
      | Some (u, w, sigma) => map2 (fun a c => (a - c) * pow2 (bk_delta b)) (nth u acc []) (gathered sigma (nth w acc []))
      | None => []
      end
  end.

Fixpoint block_values (blocks : list block) (nodes : list (option nat)) (gv acc : list (list R)) : list (list R) :=
  match blocks, nodes with
  | b :: blocks', n :: nodes' => block_values blocks' nodes' gv (acc ++ [value_of b n gv acc])
  | _, _ => acc
  end.

Lemma block_values_snoc blocks : forall nodes b n gv acc, length nodes = length blocks ->
  block_values (blocks ++ [b]) (nodes ++ [n]) gv acc
  = block_values blocks nodes gv acc ++ [value_of b n gv (block_values blocks nodes gv acc)].
Proof.
  induction blocks as [|b0 blocks IH]; intros [|n0 nodes] b n gv acc L; simpl in *; try discriminate; [reflexivity|].
  apply IH. lia.
Qed.

Lemma block_values_length blocks : forall nodes gv acc, length nodes = length blocks ->
  length (block_values blocks nodes gv acc) = (length acc + length blocks)%nat.
Proof.
  induction blocks as [|b blocks IH]; intros [|n nodes] gv acc L; simpl in *; try discriminate; [lia|].
  rewrite IH by lia. rewrite app_length. simpl. lia.
Qed.

(** ** What a block says depends on the values of its sources *)

Lemma values_app vals more b : (b < length vals)%nat -> values (vals ++ more) b = values vals b.
Proof. intros H. unfold values. apply app_nth1, H. Qed.

Lemma terms_at_ext i terms : forall Ms f g, Forall (fun t => f (rt_source t) = g (rt_source t)) terms ->
  terms_at i terms Ms f = terms_at i terms Ms g.
Proof.
  induction terms as [|t terms IH]; intros [|M Ms] f g F; simpl; try reflexivity. inversion F; subst.
  rewrite H1, (IH Ms f g) by assumption. reflexivity.
Qed.

Lemma relation_means_app r scale n vals more v : Forall (fun t => (rt_source t < length vals)%nat) (rl_terms r) ->
  relation_means r scale n vals v -> relation_means r scale n (vals ++ more) v.
Proof.
  intros S (Ms & beta & A & B & C). exists Ms, beta. split; [|split; [exact B|]].
  - clear C. induction A as [|t M terms Ms H A IH]; constructor; inversion S; subst; auto.
    rewrite values_app by assumption. exact H.
  - rewrite C. apply map_ext. intros i. f_equal. apply terms_at_ext.
    eapply Forall_impl; [|exact S]. intros t L. cbv beta. rewrite values_app by exact L. reflexivity.
Qed.

Lemma block_means_app region b vals more v : forallb (fun s => Nat.ltb s (length vals)) (sources b) = true ->
  block_means region b vals v -> block_means region b (vals ++ more) v.
Proof.
  intros S (L & D & M). split; [exact L|]. split; [exact D|]. unfold sources in S.
  assert (T : forall terms, forallb (fun s => Nat.ltb s (length vals)) (map rt_source terms) = true ->
              Forall (fun t => (rt_source t < length vals)%nat) terms).
  { induction terms as [|t terms IH]; simpl; intros F; constructor; apply andb_prop in F as [F1 F2];
      [apply Nat.ltb_lt, F1 | apply IH, F2]. }
  destruct (bk_kind b) as [second | c | c | r | u w sigma | u w sigma inner x y | u w sigma r]; cbn [forallb] in S;
    rewrite ?andb_true_iff, ?Nat.ltb_lt in S.
  - exact M.
  - rewrite values_app by tauto. exact M.
  - exact M.
  - apply relation_means_app; [apply T; assumption | exact M].
  - rewrite !values_app by tauto. exact M.
  - rewrite !values_app by tauto. exact M.
  - rewrite !values_app by tauto. destruct M as [M1 M2]. split; [exact M1|].
    apply relation_means_app; [apply T; tauto | exact M2].
Qed.

Lemma plan_means_snoc region blocks vals b v : plan_means region blocks vals -> earlier blocks = true ->
  forallb (fun s => Nat.ltb s (length blocks)) (sources b) = true -> block_means region b vals v ->
  plan_means region (blocks ++ [b]) (vals ++ [v]).
Proof.
  intros (L & M) E S B. split; [rewrite !app_length; simpl; lia|]. intros i Hi. rewrite app_length in Hi; simpl in Hi.
  destruct (Nat.eq_dec i (length blocks)) as [-> | D].
  - rewrite app_nth2, Nat.sub_diag by lia. unfold values. rewrite <- L, app_nth2, Nat.sub_diag by lia.
    apply block_means_app; [rewrite L; exact S | exact B].
  - assert (Hi' : (i < length blocks)%nat) by lia. rewrite app_nth1 by exact Hi'. rewrite values_app by lia.
    apply block_means_app; [|apply M, Hi'].
    apply (fewer_sources i); [lia|]. apply (earlier_from_nth blocks 0 E i Hi').
Qed.

(** ** Values of a building's blocks *)

Section Values.

Variables (ct : context) (syms : symbols) (x x' : list R) (gv : list (list R)).

Notation s := (ct_store ct).
Notation nodes := (gr_nodes (ct_graph ct)).

Hypothesis shapes : graph_shapes s (ct_graph ct).
Hypothesis decoded_ok : ct_decoded ct = map (decode_node s nodes) nodes.
Hypothesis solved : equations s syms x x' nodes gv.
Hypothesis symbols_known : forall i size terms bias times t, nth_error nodes i = Some (WAffine size terms bias times) ->
  In t terms -> symbols_of s syms (tw_map t).

Lemma node_at n : (n < length nodes)%nat -> nth_error nodes n = Some (node_of ct n).
Proof. intros L. apply nth_error_nth', L. Qed.

Lemma node_length n : (n < length nodes)%nat -> length (nth n gv []) = node_size (node_of ct n).
Proof. intros L. apply (proj2 solved n _ (node_at n L)). Qed.

Definition vals (bu : building) : list (list R) := block_values (bu_blocks bu) (bu_nodes bu) gv [].

Record holds (bu : building) : Prop := {
  holds_length : length (vals bu) = length (bu_blocks bu);
  holds_nodes : forall b n, has_node bu b n ->
    values (vals bu) b = map (fun v => v * pow2 (scale_at bu b)) (nth n gv []);
  holds_plan : plan_means None (bu_blocks bu) (vals bu)
}.

Lemma vals_add bu b node key : built ct bu ->
  vals (add_block bu b node key) = vals bu ++ [value_of b node gv (vals bu)].
Proof. intros B. unfold vals; simpl. apply block_values_snoc, (built_nodes _ _ B). Qed.

(** *** One building *)

Section Building.

Variable bu : building.
Hypothesis ok : built ct bu.
Hypothesis true_so_far : holds bu.

Notation here := (vals bu).

Lemma block_true b : (b < length (bu_blocks bu))%nat -> block_means None (blk bu b) here (values here b).
Proof. intros L. apply (proj2 (holds_plan _ true_so_far) b L). Qed.

Lemma block_length b : (b < length (bu_blocks bu))%nat -> length (values here b) = bk_size (blk bu b).
Proof. intros L. apply (block_true b L). Qed.

Lemma node_block b n : has_node bu b n -> node_fits ct bu (blk bu b) n.
Proof.
  intros N. pose proof (has_node_length _ _ _ _ ok N) as L. pose proof (built_fits _ _ ok b L) as F.
  rewrite (has_node_nth _ _ _ N) in F. apply F.
Qed.

Lemma raw_node b n : has_node bu b n -> raw bu here b = nth n gv [].
Proof.
  intros N. unfold raw. rewrite (holds_nodes _ true_so_far b n N). apply scale_scale, pow2_inverse.
Qed.

(** A difference in units of one. *)
Lemma pair_raw u w sigma delta : scale_at bu w = scale_at bu u ->
  map2 (fun a c => (a - c) * pow2 delta) (values here u) (gathered sigma (values here w))
  = map (fun v => v * pow2 (scale_at bu u + delta)) (map2 Rminus (raw bu here u) (gathered sigma (raw bu here w))).
Proof.
  intros E. unfold raw. rewrite E, gathered_scale. generalize (gathered sigma (values here w)).
  induction (values here u) as [|a l IH]; intros [|c k]; simpl; try reflexivity. rewrite IH. f_equal.
  rewrite bpow_plus. rewrite <- Rmult_minus_distr_r. pose proof (pow2_inverse (scale_at bu u)) as P.
  transitivity ((a - c) * pow2 delta * (pow2 (scale_at bu u) * pow2 (- scale_at bu u))); [rewrite P; lra | lra].
Qed.

(** Selections of pairs go from the blocks' sizes to the sizes of their differences. *)
Lemma selection_selects key sigma n m : selection_fits ct key sigma n m -> selects sigma m n.
Proof.
  intros F v L. destruct key, sigma; simpl in F; try tauto.
  - rewrite gathered_length. tauto.
  - simpl. congruence.
Qed.

Lemma pair_difference b key : pair_fits ct bu b key -> forall u w sigma, pair_of b = Some (u, w, sigma) ->
  difference_means (bk_delta b) sigma (values here u) (values here w) (value_of b None gv here)
  /\ length (value_of b None gv here) = bk_size b.
Proof.
  intros (u & w & sigma & nu & nw & P & D & Nu & Nw & S1 & S2 & S3 & S4 & S5 & _) u0 w0 s0 P0.
  rewrite P in P0. injection P0 as <- <- <-.
  pose proof (block_length u (has_node_length _ _ _ _ ok Nu)) as Lu.
  pose proof (block_length w (has_node_length _ _ _ _ ok Nw)) as Lw.
  assert (Lg : length (gathered sigma (values here w)) = bk_size b) by (eapply selection_selects; eassumption).
  unfold value_of. rewrite P. fold (values here u) (values here w). unfold difference_means.
  rewrite map_rules.map2_length, Lg, Lu, S4, Nat.min_id. auto.
Qed.

(** What a difference block says of its parts. *)
Lemma means_difference c v u w sigma : block_means None c here v -> pair_of c = Some (u, w, sigma) ->
  difference_means (bk_delta c) sigma (values here u) (values here w) v.
Proof.
  intros (_ & _ & M) P. unfold pair_of in P. destruct (bk_kind c); try discriminate; injection P as -> -> ->; tauto.
Qed.

Lemma pairs_hold b c u w sigma : nth_error (bu_blocks bu) b = Some c -> pair_of c = Some (u, w, sigma) ->
  length (values here u) = length (values here b) /\ length (gathered sigma (values here w)) = length (values here b) /\
  raw bu here b = map2 Rminus (raw bu here u) (gathered sigma (raw bu here w)).
Proof.
  intros E P. assert (L : (b < length (bu_blocks bu))%nat) by (apply nth_error_Some; congruence).
  apply nth_error_nth with (d := no_block) in E. fold (blk bu b) in E. subst c.
  destruct (means_difference _ _ _ _ _ (block_true b L) P) as (L1 & L2 & V). split; [exact L1|]. split; [exact L2|].
  destruct (pair_is_pair _ _ _ _ ok L P) as (u' & w' & s' & nu & nw & P' & _ & _ & _ & S1 & S2 & _).
  rewrite P in P'. injection P' as <- <- <-. rewrite (pair_raw u w sigma _ S1) in V. unfold raw at 1. rewrite V.
  change (scale_at bu b) with (bk_scale (blk bu b)). rewrite S2. apply scale_scale, pow2_inverse.
Qed.

(** *** A block that is added *)

Lemma added_means b node key : fits ct bu b node key ->
  (forall r, relation_of b = Some r -> relation_means r (bk_scale b) (bk_size b) here (value_of b node gv here)) ->
  block_means None b here (value_of b node gv here).
Proof.
  intros F Rel. destruct node as [n|].
  - destruct F as ((Ln & Sz & De & F) & _). split; [simpl; rewrite map_length, Sz; apply node_length, Ln|].
    split; [lia|]. pose proof (proj2 (proj2 solved n _ (node_at n Ln))) as E.
    destruct (node_of ct n) as [size second | size terms bias times | size u | size u].
    + rewrite F. destruct second; exact I.
    + destruct F as (r & K). rewrite K. apply Rel. unfold relation_of. rewrite K. reflexivity.
    + destruct F as (c & K & N & S). rewrite K. simpl. simpl in E. rewrite E, (holds_nodes _ true_so_far c u N), S, !map_map.
      apply map_ext. intros v. unfold relu. rewrite !(Rmult_comm _ (pow2 (bk_scale b))), <- RmaxRmult by apply bpow_ge_0.
      rewrite Rmult_0_r. reflexivity.
    + destruct F as (c & K & _). rewrite K. exact I.
  - destruct (pair_of b) as [[[u w] sigma]|] eqn:P.
    2: { destruct F as (u & w & sigma & nu & nw & P' & _). congruence. }
    destruct (pair_difference b key F u w sigma P) as [Di L]. split; [exact L|].
    destruct F as (u' & w' & s' & nu & nw & P' & D & Nu & Nw & S1 & S2 & S3 & S4 & S5 & R).
    rewrite P in P'. injection P' as <- <- <-. split; [exact S3|].
    unfold pair_of in P. unfold relation_of in Rel.
    destruct (bk_kind b) as [second | c | c | r | u1 w1 s1 | u1 w1 s1 inner y z | u1 w1 s1 r]; try discriminate;
      injection P as -> -> ->.
    + exact Di.
    + destruct R as (Li & Ku & Kw & Pi & Si). split; [exact Di|].
      pose proof (block_true u (has_node_length _ _ _ _ ok Nu)) as (_ & _ & Mu). rewrite Ku in Mu.
      pose proof (block_true w (has_node_length _ _ _ _ ok Nw)) as (_ & _ & Mw). rewrite Kw in Mw.
      split; [exact Mu|]. split; [exact Mw|].
      pose proof (means_difference _ _ _ _ _ (block_true inner Li) Pi) as Mi.
      replace (bk_delta b) with (bk_delta (blk bu inner)); [exact Mi|].
      destruct (pair_is_pair _ _ _ _ ok Li Pi) as (y' & z' & s' & ny & nz & Pi' & _ & _ & _ & _ & Sc & _).
      rewrite Pi in Pi'. injection Pi' as <- <- <-.
      pose proof (kind_of_node _ _ u ok (has_node_length _ _ _ _ ok Nu)) as K. rewrite Ku in K.
      destruct K as (n & size & c & _ & _ & _ & Ec). lia.
    + split; [exact Di | apply Rel; reflexivity].
Qed.

Lemma added_holds b node key : fits ct bu b node key ->
  forallb (fun c => Nat.ltb c (length (bu_blocks bu))) (sources b) = true ->
  (forall r, relation_of b = Some r -> relation_means r (bk_scale b) (bk_size b) here (value_of b node gv here)) ->
  holds (add_block bu b node key).
Proof.
  intros F S Rel. pose proof (added_means b node key F Rel) as M. destruct true_so_far as [L N P].
  constructor; rewrite vals_add by exact ok.
  - simpl. rewrite !app_length. simpl. lia.
  - intros c n Hc. destruct (Nat.eq_dec c (length (bu_blocks bu))) as [-> | D].
    + unfold has_node in Hc; simpl in Hc. rewrite nth_error_app2, (built_nodes _ _ ok), Nat.sub_diag in Hc
        by (rewrite (built_nodes _ _ ok); lia).
      simpl in Hc. injection Hc as ->. unfold values, scale_at; simpl. rewrite <- L at 1.
      rewrite !app_nth2, !Nat.sub_diag by lia. reflexivity.
    + assert (Lc : (c < length (bu_blocks bu))%nat).
      { assert (c < length (bu_nodes (add_block bu b node key)))%nat by (apply nth_error_Some; unfold has_node in Hc;
        congruence).
        simpl in H. rewrite app_length, (built_nodes _ _ ok) in H. simpl in H. lia. }
      rewrite values_app, scale_at_add by lia. apply N. unfold has_node in *; simpl in Hc.
      rewrite nth_error_app1 in Hc by (rewrite (built_nodes _ _ ok); exact Lc). exact Hc.
  - simpl. apply plan_means_snoc; [exact P | exact (built_earlier _ _ ok) | exact S | exact M].
Qed.

(** *** Terms of a node *)

Notation viewed_right := (viewed_ok here s syms).
Notation adds := (adds bu here s syms).

Lemma view_terms_mean size terms : (forall t, In t terms -> (0 < tw_den t)%Z /\ symbols_of s syms (tw_map t) /\
    map_shape s (size_at nodes (tw_source t)) (tw_map t) = Some (size_at nodes (tw_source t), size)) ->
  forall vs, view_terms ct bu size terms
    (map (fun t => fixed_map s (size_at nodes (tw_source t)) size (tw_map t)) terms) = Ok vs ->
  Forall (viewed_right size) vs /\ forall i, sum_terms s syms size gv i terms = sum (map (fun v => adds v i) vs).
Proof.
  induction terms as [|t terms IH]; intros G vs H; simpl in H.
  - injection H as <-. split; [constructor | reflexivity].
  - apply bind_ok in H. destruct H as (f & Ef & H). apply bind_ok in H. destruct H as (b & Eb & H).
    apply get_ok, (built_at _ _ ok) in Eb. apply bind_ok in H. destruct H as (rest & Er & H). injection H as <-.
    destruct (IH (fun t' I => G t' (or_intror I)) _ Er) as [IH1 IH2]. destruct (G t (or_introl eq_refl)) as (D & S & Sh).
    assert (Lt : length (nth (tw_source t) gv []) = size_at nodes (tw_source t)).
    { apply node_length. apply (node_block b _ Eb). }
    split.
    + constructor; [|exact IH1]. split; [apply fixed_map_means; assumption|]. split; [exact D|]. simpl.
      apply (map_value_length _ _ _ _ _ f); try assumption.
      rewrite (holds_nodes _ true_so_far b _ Eb), map_length. exact Lt.
    + intros i. cbn [map sum_terms]. rewrite sum_cons, <- IH2. unfold pair_rules.adds at 1, factor, view_map; simpl.
      rewrite (raw_node b _ Eb), Lt. reflexivity.
Qed.

Lemma bias_enclosed size bias times e : fixed_bias s bias times = Ok e -> bias_ok s size bias times = true ->
  enclosed e size (bias_value s size bias times).
Proof.
  intros H B. destruct bias as [t|]; simpl in H; [|injection H as <-; reflexivity].
  apply bind_ok in H. destruct H as ([[lo hi] h] & E & H). apply get_ok in E. injection H as <-.
  pose proof (fixed_correct _ _ _ _ E) as W. pose proof (fixed_length _ _ _ _ E) as [L _].
  pose proof (within_length _ _ _ W) as [L' _]. rewrite map_length in L'. unfold bias_ok in B. rewrite !andb_true_iff in B.
  destruct B as [_ B]. apply Nat.eqb_eq in B. simpl. split.
  - rewrite flat_map_repeat_length. fold (reals_at s t) in L'. rewrite <- L', L. exact B.
  - assert (Rp : forall l, repeated times l = flat_map (fun a => repeat a times) l).
    { intros l. unfold repeated. destruct (Nat.eqb_spec times 1) as [-> |]; [|reflexivity].
      induction l as [|a l IH]; simpl; [reflexivity|]. f_equal. exact IH. }
    rewrite !Rp. clear - W. unfold reals_at.
    remember (map (fun v => v * pow2 h) (reals (tensor_at s t))) as v eqn:Ev. revert Ev.
    generalize (reals (tensor_at s t)). induction W as [|l u y lo hi v B W IH]; intros [|z w] Ev; try discriminate; simpl.
    + constructor.
    + injection Ev as -> Ev. specialize (IH w Ev). rewrite map_app.
      revert IH. generalize (flat_map (fun a => repeat a times) lo) (flat_map (fun a => repeat a times) hi)
        (flat_map (fun a => repeat a times) w). intros p q r IH.
      induction times as [|k IHk]; simpl; [exact IH|]. constructor; [exact B | exact IHk].
Qed.

(** An affine node: its terms, its constant, and what they come to. *)
Lemma affine_node n size terms bias times vs e : (n < length nodes)%nat -> node_of ct n = WAffine size terms bias times ->
  view_terms ct bu size terms (dc_maps (nth n (ct_decoded ct) no_decoded)) = Ok vs ->
  dc_bias (nth n (ct_decoded ct) no_decoded) = Ok e ->
  Forall (viewed_right size) vs /\ enclosed e size (bias_value s size bias times) /\
  forall i, nth i (nth n gv []) 0 = nth i (bias_value s size bias times) 0 + sum (map (fun v => adds v i) vs).
Proof.
  intros L En Ev Eb. pose proof (node_at n L) as At. rewrite En in At.
  destruct (shapes_affine _ _ shapes _ _ _ _ _ At) as [Bo G].
  assert (De : nth n (ct_decoded ct) no_decoded = decode_node s nodes (WAffine size terms bias times)).
  { rewrite decoded_ok. apply nth_error_nth. rewrite nth_error_map, At. reflexivity. }
  rewrite De in Ev, Eb. simpl in Ev, Eb.
  destruct (view_terms_mean size terms) with (vs := vs) as [V Su]; [|exact Ev|].
  { intros t I. destruct (G t I) as [G1 G2]. split; [exact G1|].
    split; [apply (symbols_known _ _ _ _ _ _ At I) | exact G2]. }
  pose proof (bias_enclosed size bias times e Eb Bo) as Be. split; [exact V|]. split; [exact Be|].
  intros i. destruct (proj2 solved n _ At) as [Ln E]. simpl in Ln, E. destruct (Nat.lt_ge_cases i size) as [H | H].
  - rewrite E at 1. set (f := fun j => nth j (bias_value s size bias times) 0 + sum_terms s syms size gv j terms).
    rewrite (nth_indep (map f _) 0 (f 0%nat)) by (rewrite map_length, seq_length; exact H).
    rewrite map_nth, seq_nth by exact H. simpl. unfold f. rewrite Su. reflexivity.
  - rewrite (nth_overflow (nth n gv [])), (nth_overflow (bias_value _ _ _ _)) by (rewrite ?(enclosed_length _ _ _ Be); lia).
    clear - V H. rewrite Rplus_0_l. induction V as [|v vs (_ & _ & Lv) V IH]; [reflexivity|]. cbn [map].
    rewrite sum_cons, <- IH. unfold pair_rules.adds.
    rewrite nth_overflow by (rewrite apply_raw_length, Lv; exact H). lra.
Qed.

(** A view of a node's block comes to the node. *)
Lemma view_mean b n expand vs e key : has_node bu b n -> view ct bu b expand = Ok (vs, e, key) ->
  let size := bk_size (blk bu b) in
  Forall (viewed_right size) vs /\ enclosed e size (key_value s key size) /\
  forall i, nth i (raw bu here b) 0 = nth i (key_value s key size) 0 + sum (map (fun v => adds v i) vs).
Proof.
  intros N H. destruct (node_block b n N) as (Ln & Sz & _ & _). cbv zeta. unfold view in H.
    rewrite (has_node_nth _ _ _ N) in H.
  simpl in H. rewrite (raw_node b n N), Sz. destruct expand.
  - destruct (node_of ct n) as [size second | size terms bias times | size u | size u] eqn:En; try discriminate. simpl.
    apply bind_ok in H. destruct H as (vs' & Ev & H). apply bind_ok in H. destruct H as (e' & Eb & H).
      injection H as <- <- <-.
    replace (key_value s (option_map _ bias) size) with (bias_value s size bias times) by (destruct bias; reflexivity).
    apply (affine_node n size terms bias times); assumption.
  - injection H as <- <- <-. simpl. set (size := node_size (node_of ct n)) in *.
    assert (Id : forall v : list R, length v = size -> apply (instance (PDiag 1) (repeat 1 size)) v = v).
    { intros v <-. simpl. clear. induction v as [|a v IH]; simpl; [reflexivity|]. rewrite IH. f_equal. lra. }
    split; [|split; [reflexivity|]].
    + repeat constructor; simpl.
      * apply identity_means.
      * pose proof (block_length b (has_node_length _ _ _ _ ok N)) as Lb. rewrite Sz in Lb.
        change (length (apply (instance (PDiag 1) (repeat 1 size)) (values here b)) = size). rewrite Id; exact Lb.
    + intros i. rewrite zeros_nth. unfold pair_rules.adds, factor, view_map, map_value.
      cbn [vw_words vw_in vw_num vw_den vw_source].
      rewrite (raw_node b n N), Id by (apply node_length, Ln). unfold sum. cbn [map fold_right]. field.
Qed.

Lemma read_node_holds n i scale bu' : read_node ct bu n i scale = Ok bu' -> holds bu'.
Proof.
  intros H. destruct (read_node_extends _ shapes _ _ _ _ _ ok H) as (b & node & key & -> & F & S & _).
  apply added_holds; [exact F | exact S|]. intros r Hr. unfold read_node in H.
  apply bind_ok in H. destruct H as (at_ & E & H). apply get_ok, (local_in _ shapes) in E.
  apply bind_ok in H. destruct H as (u0 & _ & H). clear u0.
  destruct (node_of ct at_) as [size second | size terms bias times | size u | size u] eqn:En.
  - injection H as H1 _ _ _. apply app_inj_tail in H1 as [_ <-]. discriminate.
  - apply bind_ok in H. destruct H as (vs & Ev & H). apply bind_ok in H. destruct H as (e & Eb & H).
    assert (Q : b = {| bk_kind := KAffine {| rl_terms := relation_terms bu scale vs; rl_bias := e |};
                       bk_size := size; bk_scale := scale; bk_delta := 0 |} /\ node = Some at_).
    { injection H as H1 H2 _ _. apply app_inj_tail in H1 as [_ <-]. apply app_inj_tail in H2 as [_ <-]. auto. }
    destruct Q as [-> ->]. injection Hr as <-. simpl.
    destruct (affine_node at_ size terms bias times vs e E En Ev Eb) as (V & Be & Su).
    apply (relation_holds here _ _ _ _ _ _ _ (relation_terms_mean bu here s syms size scale vs V) Be).
    + rewrite map_length, (node_length at_ E), En. reflexivity.
    + intros k Hk. rewrite nth_scale, Su. reflexivity.
  - apply bind_ok in H. destruct H as (c & _ & H). apply bind_ok in H. destruct H as (u0 & _ & H).
    injection H as H1 _ _ _. apply app_inj_tail in H1 as [_ <-]. discriminate.
  - apply bind_ok in H. destruct H as (c & _ & H). apply bind_ok in H. destruct H as (u0 & _ & H).
    injection H as H1 _ _ _. apply app_inj_tail in H1 as [_ <-]. discriminate.
Qed.

(** *** Differences of terms *)

Lemma behind_sum sigma v base vs i : (forall j, nth j v 0 = nth j base 0 + sum (map (fun t => adds t j) vs)) ->
  nth i (gathered sigma v) 0 = nth i (gathered sigma base) 0
    + sum (map (fun t => adds_behind bu here s syms sigma t i) vs).
Proof.
  intros E. destruct (gathered_pick sigma i) as (j & P). rewrite !P.
  assert (A : sum (map (fun t => adds_behind bu here s syms sigma t i) vs)
              = match j with Some j => sum (map (fun t => adds t j) vs) | None => 0 end).
  { clear E. unfold adds_behind, pair_rules.adds. induction vs as [|t vs' IH]; cbn [map].
    - destruct j; reflexivity.
    - rewrite sum_cons, P, IH. destruct j; [rewrite sum_cons; reflexivity | lra]. }
  rewrite A. destruct j as [j|]; [apply E | lra].
Qed.

Lemma read_pair_affine_holds u w key scale eu ew matches bu' :
  read_pair_affine ct bu u w key scale eu ew matches = Ok bu' -> holds bu'.
Proof.
  intros H. destruct (read_pair_affine_extends _ _ _ _ _ _ _ _ _ _ ok H) as (b & node & key' & -> & F & S & _).
  apply added_holds; [exact F | exact S|]. intros r Hr.
  destruct (read_pair_affine_ok _ _ _ _ _ _ _ _ _ _ H) as
    (fine & coarse & sigma & us & bias_u & key_u & ws & bias_w & key_w & ts & used_u & used_w & rest & all &
     E & Eu & Ew & Em & Er & Ea & Q). clear H.
  set (bias := if same_bias sigma key_u key_w then None else minus_bias bias_u bias_w sigma) in Q.
  assert (Q' : b = pair_block (KPairAffine u w sigma {| rl_terms := all; rl_bias := bias |}) fine scale /\ node = None).
  { injection Q as H1 H2 _ _. apply app_inj_tail in H1 as [_ ->]. apply app_inj_tail in H2 as [_ ->]. auto. }
  clear Q. destruct Q' as [-> ->]. injection Hr as <-.
  destruct (read_pair_ok _ _ _ _ _ _ _ _ _ ok E) as (-> & -> & D & (nu & Nu) & (nw & Nw) & S1 & S2 & S3).
  set (n := bk_size (blk bu u)) in *. set (m := bk_size (blk bu w)) in *.
  pose proof (selection_selects _ _ _ _ S3) as Sel.
  destruct (view_mean u nu eu us bias_u key_u Nu Eu) as (Vu & Bu & Ru). fold n in Vu, Bu, Ru.
  destruct (view_mean w nw ew ws bias_w key_w Nw Ew) as (Vw & Bw & Rw). fold m in Vw, Bw, Rw.
  set (base_u := key_value s key_u n) in *. set (base_w := key_value s key_w m) in *.
  assert (Lg : length (gathered sigma base_w) = n) by (apply Sel, (enclosed_length _ _ _ Bw)).
  assert (Be : enclosed bias n (map2 Rminus base_u (gathered sigma base_w))).
  { subst bias. destruct (same_bias sigma key_u key_w) eqn:Sb.
    - simpl. assert (Enm : n = m).
      { destruct key, sigma; simpl in S3; try tauto; destruct key_u as [[? ?]|]; discriminate Sb. }
      apply (same_bias_means s sigma key_u key_w n m Sb Enm), (enclosed_length _ _ _ Bu).
    - eapply minus_bias_means; eassumption. }
  (* the terms *)
  set (Sum := fun i => sum (map (fun v => adds v i) us) - sum (map (fun v => adds_behind bu here s syms sigma v i) ws)).
  assert (T : terms_mean here n scale all Sum).
  { assert (Found : terms_mean here n scale (ts ++ relation_terms bu scale (unmatched 0 used_u us) ++ rest) Sum).
    { eapply terms_mean_ext.
      - apply terms_mean_app; [|apply terms_mean_app].
        + apply (match_all_mean bu here s syms pairs_hold n m scale sigma us ws Sel Vu Vw _ _ _ _ _ _ Em).
        + apply (relation_terms_mean bu here s syms n scale), (unmatched_all _ used_u us Vu 0).
        + apply (negated_terms_mean bu here s syms n m scale sigma _ Sel (unmatched_all _ used_w ws Vw 0) _ Er).
      - intros i. cbv zeta beta. rewrite !unmatched_sum, !unused_nil. unfold Sum. lra. }
    destruct Ea as [-> | (E0 & v & Iv & ->)]; [exact Found|]. rewrite E0 in Found.
    rewrite Forall_forall in Vu. destruct (Vu v Iv) as (Fv & _ & Lv).
    eapply terms_mean_ext; [apply (make_term_means bu here n scale _ 0 1 _ _ Fv); [lia | exact Lv]|].
    intros i. cbv beta. destruct Found as (Ms & _ & Z). specialize (Z i). simpl in Z.
    pose proof (pow2_pos scale). assert (Sum i = 0) by (apply (Rmult_eq_reg_r (pow2 scale)); lra). lra. }
  assert (V : value_of (pair_block (KPairAffine u w sigma {| rl_terms := all;
    rl_bias := bias |}) (blk bu u) scale) None gv here
              = map (fun v => v * pow2 scale) (map2 Rminus (raw bu here u) (gathered sigma (raw bu here w)))).
  { simpl. fold (values here u) (values here w). rewrite (pair_raw u w sigma _ S1). apply map_ext. intros a. do 2 f_equal.
    unfold scale_at. fold (blk bu u). lia. }
  assert (L1 : length (raw bu here u) = n) by (rewrite raw_length; apply block_length, (has_node_length _ _ _ _ ok Nu)).
  assert (L2 : length (gathered sigma (raw bu here w)) = n).
  { apply Sel. rewrite raw_length. apply block_length, (has_node_length _ _ _ _ ok Nw). }
  apply (relation_holds here _ _ _ _ _ _ _ T Be).
  - rewrite V, map_length, map_rules.map2_length, L1, L2. apply Nat.min_id.
  - intros i Hi. rewrite V, nth_scale, nth_minus by congruence.
    rewrite (nth_minus i base_u) by (rewrite Lg; apply (enclosed_length _ _ _ Bu)).
    rewrite Ru, (behind_sum sigma _ base_w ws i Rw). unfold Sum. simpl. lra.
Qed.

End Building.

Theorem Built_holds bu : Built ct bu -> holds bu.
Proof.
  induction 1 as [| bu n i scale bu' B IH H | bu u w key scale bu' B IH H | bu u w key scale inner bu' B IH H
                  | bu u w key scale eu ew matches bu' B IH H].
  - constructor; [reflexivity| |].
    + intros b n N. unfold has_node in N. destruct b; discriminate.
    + split; [reflexivity|]. intros b L. inversion L.
  - apply (read_node_holds bu (Built_built _ shapes _ B) IH _ _ _ _ H).
  - pose proof (Built_built _ shapes _ B) as ok.
    destruct (read_pair_direct_extends _ _ _ _ _ _ _ ok H) as (b & node & key' & -> & F & S & _).
    unfold read_pair_direct in H. apply bind_ok in H. destruct H as ([[fine coarse] sigma] & _ & H).
    apply (added_holds bu ok IH); [exact F | exact S|]. intros r Hr.
    injection H as H1 _ _ _. apply app_inj_tail in H1 as [_ <-]. discriminate.
  - pose proof (Built_built _ shapes _ B) as ok.
    destruct (read_pair_relu_extends _ _ _ _ _ _ _ _ ok H) as (b & node & key' & -> & F & S & _).
    unfold read_pair_relu in H. apply bind_ok in H. destruct H as ([[fine coarse] sigma] & _ & H).
    apply bind_ok in H. destruct H as (wi & _ & H).
    destruct (bk_kind fine), (bk_kind coarse), (pair_of wi) as [[[? ?] ?]|]; try discriminate.
    apply bind_ok in H. destruct H as (u0 & _ & H).
    apply (added_holds bu ok IH); [exact F | exact S|]. intros r Hr.
    injection H as H1 _ _ _. apply app_inj_tail in H1 as [_ <-]. discriminate.
  - apply (read_pair_affine_holds bu (Built_built _ shapes _ B) IH _ _ _ _ _ _ _ _ H).
Qed.

(** *** The theorem *)

(** The blocks of a plan under a valuation of the graph: every relation holds, the inputs' block is x. *)
Theorem elaborate_correct region bu : Built ct bu ->
  (forall b, (b < length (bu_blocks bu))%nat -> bk_kind (blk bu b) = KInput false ->
     region_means region (map (fun v => v * pow2 (bk_scale (blk bu b))) x)) ->
  plan_means region (bu_blocks bu) (block_values (bu_blocks bu) (bu_nodes bu) gv []) /\ earlier (bu_blocks bu) = true.
Proof.
  intros B Reg. pose proof (Built_built _ shapes _ B) as ok. pose proof (Built_holds _ B) as Ho.
  split; [|exact (built_earlier _ _ ok)]. split; [exact (holds_length _ Ho)|]. intros b L.
  destruct (proj2 (holds_plan _ Ho) b L) as (M1 & M2 & M3). split; [exact M1|]. split; [exact M2|].
  fold (blk bu b) in *. fold (vals bu). pose proof (kind_of_node _ _ _ ok L) as K.
  destruct (bk_kind (blk bu b)) as [second | | | | | |] eqn:Kb; try exact M3. destruct second; [exact I|].
  destruct K as (n & size & N & En). rewrite (holds_nodes _ Ho b n N).
  destruct (node_block bu ok b n N) as (Ln & _).
  pose proof (proj2 (proj2 solved n _ (node_at n Ln))) as E. rewrite En in E. simpl in E. rewrite E. apply Reg; assumption.
Qed.

(** The block of a node has its values. *)
Theorem node_values_at bu n b : Built ct bu -> lookup n (bu_at bu) = Some b ->
  values (block_values (bu_blocks bu) (bu_nodes bu) gv []) b
  = map (fun v => v * pow2 (bk_scale (nth b (bu_blocks bu) no_block))) (nth n gv []).
Proof.
  intros B A. apply (holds_nodes _ (Built_holds _ B)), (built_at _ _ (Built_built _ shapes _ B)), A.
Qed.

End Values.
