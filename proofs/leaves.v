(** A leaf of the tree, seen from the graph: the valuations of a plan's blocks at one x, over all x' of the domain,
    are what replay_rules.v asks for. *)
From Coq Require Import ZArith Reals QArith Qreals String List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans decoding semantics result graph merge_rules graph_rules.
From Certify Require Import elaborate building_rules elaborate_rules reading reading_rules replay replay_rules check.
From Certify.rules Require Import domain forward backward difference quadratic conclude split.
Import ListNotations.
Open Scope R_scope.

Lemma nth_scaled k (l : list R) i : nth i (map (fun v => v * k) l) 0 = nth i l 0 * k.
Proof. rewrite <- (map_nth (fun v => v * k)). f_equal. lra. Qed.

Lemma input_size_ok g n : input_size g = Ok n -> Forall (eq n) (inputs_of g).
Proof.
  unfold input_size. destruct (inputs_of g) as [|m rest]; [discriminate|]. intros H. apply bind_ok in H.
  destruct H as (u & F & H). apply need_ok in F. injection H as ->. constructor; [reflexivity|].
  rewrite forallb_forall in F. apply Forall_forall. intros y I. apply Nat.eqb_eq, F, I.
Qed.

Section Leaves.

Variables (s : store) (c : claim) (gr : graph) (n_in : nat) (d : domain).
Hypothesis graph_ok : read_graph s c = Ok gr.
Hypothesis inputs_ok : input_size (gr_nodes gr) = Ok n_in.
Hypothesis domain_ok : read_domain s c n_in = Ok d.

Let ct := {| ct_store := s; ct_claim := c; ct_graph := gr; ct_decoded := map (decode_node s (gr_nodes gr)) (gr_nodes gr) |}.

Variable syms : symbols.
Hypothesis symbols_are : symbols_ok s syms (networks c).

Variables (part : nat) (x x' : list R).
Hypothesis part_known : (part < parts c)%nat.
Hypothesis x_in : in_part s c part x.
Hypothesis x'_in : in_domain s c x'.

Variables ff fg : nat -> list R.
Hypothesis ff_ok : free_ok s syms (in_domain s c) (cl_f c) ff.
Hypothesis fg_ok : forall g, cl_g c = Some g -> free_ok s syms (in_domain s c) g fg.

Definition good (y : list R) (gv : list (list R)) : Prop := valuation s syms c gr x y ff fg gv.

Lemma sizes_fit y : in_domain s c y -> forall size, In size (inputs_of (gr_nodes gr)) -> length y = size.
Proof.
  intros I. apply (inputs_fit _ n_in); [apply input_size_ok, inputs_ok|].
  destruct (domain_correct _ _ _ _ domain_ok) as [_ H]. apply (H y 0%Z I).
Qed.

Lemma x_fits size : In size (inputs_of (gr_nodes gr)) -> length x = size.
Proof. apply sizes_fit. exists part. auto. Qed.

Lemma good_exists y : in_domain s c y -> exists gv, good y gv.
Proof.
  intros I. apply graph_valuation; [exact graph_ok | | |].
  - intros size Is. split; [apply x_fits, Is | exact (sizes_fit y I size Is)].
  - intros i size u N. apply (ff_ok i size u N).
  - intros g E i size u N. apply (fg_ok g E i size u N).
Qed.

Lemma shapes : graph_shapes s gr.
Proof.
  destruct (graph_indices _ _ _ graph_ok) as (F & G & _). constructor; [exact F | exact G|].
  intros i size terms bias times N. apply (graph_affine _ _ _ _ _ _ _ _ graph_ok N).
Qed.

Lemma symbols_known i size terms bias times t : nth_error (gr_nodes gr) i = Some (WAffine size terms bias times) -> In
  t terms ->
  symbols_of s syms (tw_map t).
Proof.
  intros N I. destruct (tw_map t) as [| | | |lo hi r] eqn:M; simpl; trivial.
  apply (graph_symbols s syms c gr i size terms bias times t lo hi r graph_ok symbols_are N I M).
Qed.

(** ** One plan *)

Variable rows : nat.
Variable p : plan.
Hypothesis plan_read : plan_ok ct (Built ct) p.

Let bu := pl_building p.

Definition vals_of (gv : list (list R)) : list (list R) := block_values (bu_blocks bu) (bu_nodes bu) gv [].

Definition on_leaf (vals : list (list R)) : Prop := exists y gv, in_domain s c y /\ good y gv /\ vals = vals_of gv.

Lemma built_bu : built ct bu.
Proof. apply Built_built; [exact shapes | apply (ok_built _ _ _ plan_read)]. Qed.

Lemma node_value y gv n b : good y gv -> has_node bu b n ->
  values (vals_of gv) b = map (fun v => v * pow2 (bk_scale (blk bu b))) (nth n gv []).
Proof.
  intros (E & _) H. apply (node_values_at ct syms x y gv shapes eq_refl E symbols_known bu n b (ok_built _ _ _ plan_read)).
  apply (built_at _ _ built_bu). exact H.
Qed.

Lemma node_known n w : node_of ct n = w -> w <> WRelu 0 0 -> nth_error (gr_nodes gr) n = Some w.
Proof.
  unfold node_of; simpl. intros E N. destruct (Nat.lt_ge_cases n (length (gr_nodes gr))) as [L | L].
  - rewrite <- E. apply nth_error_nth'. exact L.
  - rewrite nth_overflow in E by exact L. congruence.
Qed.

(** The values of an input block. *)
Lemma input_value y gv b second : good y gv -> (b < length (bu_blocks bu))%nat -> bk_kind (blk bu b) = KInput second ->
  values (vals_of gv) b = map (fun v => v * pow2 (bk_scale (blk bu b))) (if second then y else x).
Proof.
  intros G L K. pose proof (kind_of_node ct bu b built_bu L) as N. rewrite K in N. destruct N as (n & size & H & W).
  rewrite (node_value y gv n b G H). f_equal. apply node_known in W; [|discriminate].
  destruct G as ((_ & E) & _). apply (E n _ W).
Qed.

Variables (cuts : list cut) (signs : list sign) (slot : nat).
Variable ck : checked.
Hypothesis ck_domain_is : ck_domain ck = d.
Let lf := make_leaf ck part p cuts signs slot.

Hypothesis cuts_hold : Forall (cut_holds x) cuts.
Hypothesis cuts_inside : Forall (fun q => (cut_entry q < n_in)%nat) cuts.

Lemma blk_nth b : blk bu b = nth b (blocks p) no_block.
Proof. reflexivity. Qed.

Lemma no_block_input b second : bk_kind (nth b (blocks p) no_block) = KInput second -> (b < length (blocks p))%nat.
Proof.
  intros K. destruct (Nat.lt_ge_cases b (length (blocks p))) as [L | L]; [exact L|].
  rewrite nth_overflow in K by exact L. discriminate.
Qed.

Lemma leaf_inputs vals b second : on_leaf vals -> bk_kind (nth b (blocks p) no_block) = KInput second ->
  let lh := (if second then lf_hull lf else lf_input lf) (bk_scale (nth b (blocks p) no_block)) in
  within (fst lh) (snd lh) (values vals b).
Proof.
  intros (y & gv & I & G & ->) K. pose proof (no_block_input _ _ K) as L.
  rewrite (input_value y gv b second G L K). rewrite blk_nth. set (scale := bk_scale (nth b (blocks p) no_block)).
  destruct (domain_correct _ _ _ _ domain_ok) as [D1 D2]. unfold lf, make_leaf. rewrite ck_domain_is.
  destruct second; cbn [lf_hull lf_input].
  - apply (D2 y scale I).
  - destruct (D1 part x scale part_known x_in) as (Lx & W & _).
    destruct (part_bounds d part scale) as [lo hi]. apply cut_bounds_means; [|exact W].
    apply Forall_map. rewrite Forall_forall in cuts_hold, cuts_inside |- *. intros q Iq.
    destruct (cuts_hold q Iq) as [B A]. unfold cut_words, cut_means. rewrite Lx. split; [apply cuts_inside, Iq|].
    split; [exact B | exact A].
Qed.

Lemma region_holds b : bk_kind (blk bu b) = KInput false -> (b < length (bu_blocks bu))%nat ->
  region_means (region p lf) (map (fun v => v * pow2 (bk_scale (blk bu b))) x).
Proof.
  intros K L. unfold region.
  set (P := fun b : block => match bk_kind b with KInput false => true | _ => false end).
  assert (I : In (blk bu b) (filter P (blocks p))).
  { apply filter_In. split; [apply nth_In; exact L | unfold P; rewrite K; reflexivity]. }
  destruct (filter P (blocks p)) as [|b0 [|b1 rest]]; [contradiction | |].
  - destruct I as [E | []]. rewrite E. unfold lf, make_leaf. rewrite ck_domain_is. cbn [lf_ball].
    destruct (domain_correct _ _ _ _ domain_ok) as [D1 _]. apply (D1 part x (bk_scale (blk bu b)) part_known x_in).
  - exact Logic.I.
Qed.

Lemma leaf_plan vals : on_leaf vals -> plan_means (region p lf) (blocks p) vals.
Proof.
  intros (y & gv & I & (E & G) & ->).
  apply (elaborate_correct ct syms x y gv shapes eq_refl E symbols_known (region p lf) bu (ok_built _ _ _ plan_read)).
  intros b L K. apply region_holds; assumption.
Qed.

Lemma leaf_earlier : earlier (blocks p) = true.
Proof. apply (built_earlier _ _ built_bu). Qed.

Lemma leaf_frees vals b u : on_leaf vals -> bk_kind (nth b (blocks p) no_block) = KFree u ->
  (b < length (blocks p))%nat ->
  (u < b)%nat /\ length (values vals b) = length (values vals u) /\
  forall k, (k < length (values vals b))%nat -> exists vals',
    on_leaf vals' /\ nth k (values vals b) 0 = nth k (values vals' u) 0.
Proof.
  intros (y & gv & I & G & ->) K L.
  pose proof (kind_of_node ct bu b built_bu L) as N. rewrite blk_nth, K in N.
  destruct N as (n & size & v & Hb & W & Hu & SC). apply node_known in W; [|discriminate].
  assert (SC' : bk_scale (blk bu u) = bk_scale (blk bu b)) by exact SC.
  split; [apply (earlier_sources _ _ leaf_earlier L u); unfold sources; rewrite K; left; reflexivity|].
  rewrite (node_value y gv n b G Hb), (node_value y gv v u G Hu), SC', !map_length.
  pose proof (graph_node _ _ _ _ _ graph_ok W) as NG. destruct NG as (_ & Lv & Sv & _).
  assert (Ln : (n < length (gr_nodes gr))%nat) by (apply nth_error_Some; congruence).
  pose proof G as (E & _).
  assert (S1 : length (nth n gv []) = size).
  { rewrite (equations_size _ _ _ _ _ _ _ E Ln). unfold size_at. rewrite (nth_error_nth _ _ _ W). reflexivity. }
  assert (S2 : length (nth v gv []) = size).
  { assert (Lv' : (v < length (gr_nodes gr))%nat) by lia. rewrite (equations_size _ _ _ _ _ _ _ E Lv'). exact Sv. }
  split; [congruence|]. intros k Hk. rewrite S1 in Hk.
  destruct (graph_free s syms (in_domain s c) c gr x y ff fg gv n size v graph_ok G ff_ok fg_ok sizes_fit W k Hk) as
    (y3 & I3 & H3).
  destruct (good_exists y3 I3) as (gv3 & G3). exists (vals_of gv3). split; [exists y3, gv3; auto|].
  rewrite (node_value y3 gv3 v u G3 Hu), SC', !nth_scaled, (H3 gv3 G3). reflexivity.
Qed.

(** ** Signs *)

Variable gv0 : list (list R).
Hypothesis gv0_good : good x' gv0.
Hypothesis signs_true : Forall (sign_holds gv0) signs.
Hypothesis signs_ok : Forall (sign_ok gr) signs.

Lemma first_only n y gv : good y gv -> depends_on_x gr n -> (n < length (gr_nodes gr))%nat -> nth n gv [] = nth n gv0 [].
Proof.
  intros (E & _) (A & B & C) L. destruct gv0_good as (E0 & _).
  apply (graph_independent s syms c gr x y gv x x' gv0 n graph_ok E E0 L); auto. intros H. congruence.
Qed.

Lemma pair_block_of_ok u w l : forall i b, pair_block_of u w i l = Some b ->
  (i <= b)%nat /\ (b < i + length l)%nat /\ pair_of (nth (b - i) l no_block) = Some (u, w, None).
Proof.
  induction l as [|b0 l IH]; intros i b H; simpl in H; [discriminate|].
  assert (R : pair_block_of u w (S i) l = Some b ->
    (i <= b)%nat /\ (b < i + length (b0 :: l))%nat /\ pair_of (nth (b - i) (b0 :: l) no_block) = Some (u, w, None)).
  { intros H'. destruct (IH _ _ H') as (A & B & C). split; [lia|]. split; [simpl; lia|].
    replace (b - i)%nat with (S (b - S i)) by lia. exact C. }
  destruct (pair_of b0) as [[[u' w'] [sg|]]|] eqn:E; try (apply R; exact H).
  destruct (Nat.eqb u u' && Nat.eqb w w')%bool eqn:F; [|apply R; exact H].
  injection H as <-. apply andb_true_iff in F. destruct F as [F1 F2]. apply Nat.eqb_eq in F1, F2. subst.
  split; [lia|]. split; [simpl; lia|]. rewrite Nat.sub_diag. exact E.
Qed.

Lemma leaf_signs vals b i low : on_leaf vals -> In (b, i, low) (lf_signs lf) ->
  (i < length (values vals b))%nat /\ if low : bool then nth i (values vals b) 0 <= 0 else 0 <= nth i (values vals b) 0.
Proof.
  intros V I. pose proof (leaf_plan vals V) as [_ PM]. destruct V as (y & gv & Iy & G & ->).
  unfold lf, make_leaf in I; cbn [lf_signs] in I. unfold block_signs in I. apply in_flat_map in I.
  destruct I as (sg & Is & I). destruct (signed_block p sg) as [b0|] eqn:B; [|contradiction].
  destruct I as [I | []]. injection I as -> <- <-.
  rewrite Forall_forall in signs_true, signs_ok. specialize (signs_true sg Is). destruct (signs_ok sg Is) as (D & SO & DO).
  unfold sizes_ok in SO. apply andb_true_iff in SO. destruct SO as [SO1 SO2]. apply Nat.ltb_lt in SO1.
  assert (LN : forall n, (sg_entry sg < size_at (gr_nodes gr) n)%nat -> (n < length (gr_nodes gr))%nat).
  { intros n H. destruct (Nat.lt_ge_cases n (length (gr_nodes gr))) as [L | L]; [exact L|].
    unfold size_at in H. rewrite nth_overflow in H by exact L. simpl in H. lia. }
  assert (SCALED : forall a k, 0 < k -> (a <= 0 -> a * k <= 0) /\ (0 <= a -> 0 <= a * k)).
  { intros a k K. split; intros A; [|apply Rmult_le_pos; lra].
    rewrite <- (Rmult_0_l k). apply Rmult_le_compat_r; lra. }
  assert (VN : forall n q, (sg_entry sg < size_at (gr_nodes gr) n)%nat -> depends_on_x gr n -> has_node bu q n ->
     nth (sg_entry sg) (values (vals_of gv) q) 0 = nth (sg_entry sg) (nth n gv0 []) 0 * pow2 (bk_scale (blk bu q))
     /\ length (values (vals_of gv) q) = size_at (gr_nodes gr) n).
  { intros n q H1 H2 H3. rewrite (node_value y gv n q G H3), nth_scaled, map_length, (first_only n y gv G H2 (LN n H1)).
    split; [reflexivity|]. destruct gv0_good as (E0 & _). apply (equations_size _ _ _ _ _ _ _ E0 (LN n H1)). }
  unfold signed_block in B. unfold sign_holds, sign_value in signs_true. fold bu in B.
  destruct (sg_other sg) as [o|] eqn:SO3.
  - destruct (lookup (sg_node sg) (bu_at bu)) as [u|] eqn:Lu; [|discriminate].
    destruct (lookup o (bu_at bu)) as [w|] eqn:Lw; [|discriminate].
    apply (built_at _ _ built_bu) in Lu, Lw. apply Nat.eqb_eq in SO2.
    destruct (pair_block_of_ok _ _ _ _ _ B) as (_ & LB & PO). rewrite Nat.sub_0_r in PO. simpl in LB.
    destruct (VN _ u SO1 D Lu) as [VU LU].
      assert (SO1' : (sg_entry sg < size_at (gr_nodes gr) o)%nat) by (rewrite <- SO2; exact SO1).
    destruct (VN _ w SO1' DO Lw) as [VW LW].
    assert (LB' : (b < length (bu_blocks bu))%nat) by exact LB.
    pose proof (PM b LB) as M. pose proof (difference.pair_means _ _ _ _ _ _ _ M PO) as PMX.
      destruct PMX as (Dl & DM & _). unfold difference_means in DM. destruct DM as (L1 & L2 & VD).
    cbn [gathered] in L2, VD.
    assert (PF : pair_fits ct bu (blk bu b) (nth b (bu_keys bu) None)).
    { eapply pair_is_pair; [exact built_bu | exact LB' | exact PO]. }
    destruct PF as (u0 & w0 & sg0 & nu & nw & PO' & _ & _ & _ & SC & _).
      change (pair_of (nth b (pl_blocks p) no_block) = Some (u0, w0, sg0)) in PO'. rewrite PO in PO'.
        injection PO' as <- <- <-.
    assert (SC' : bk_scale (blk bu w) = bk_scale (blk bu u)) by exact SC.
    split; [rewrite <- L1, LU; exact SO1|].
    assert (NTH : nth (sg_entry sg) (values (vals_of gv) b) 0
       = (nth (sg_entry sg) (nth (sg_node sg) gv0 []) 0 - nth (sg_entry sg) (nth o gv0 []) 0)
         * (pow2 (bk_scale (blk bu u)) * pow2 (bk_delta (nth b (blocks p) no_block)))).
    { rewrite VD. assert (N2 : forall (f : R -> R -> R) a b0 i, (i < length a)%nat -> (i < length b0)%nat ->
        nth i (map2 f a b0) 0 = f (nth i a 0) (nth i b0 0)).
      { clear. intros f a. induction a as [|h a IH]; intros [|h' b0] [|i] A B; simpl in *; try lia; auto. apply IH; lia. }
      rewrite N2 by (rewrite ?LU, ?LW; assumption). rewrite VU, VW, SC'. ring. }
    rewrite NTH. destruct (SCALED (nth (sg_entry sg) (nth (sg_node sg) gv0 []) 0 - nth (sg_entry sg) (nth o gv0 []) 0)
       (pow2 (bk_scale (blk bu u)) * pow2 (bk_delta (nth b (blocks p) no_block)))) as [S1 S2];
       [apply Rmult_lt_0_compat; apply bpow_gt_0|].
    destruct (sg_low sg); [apply S1 | apply S2]; exact signs_true.
  - apply (built_at _ _ built_bu) in B. destruct (VN _ b SO1 D B) as [VU LU]. split; [rewrite LU; exact SO1|].
    rewrite VU. destruct (SCALED (nth (sg_entry sg) (nth (sg_node sg) gv0 []) 0) (pow2 (bk_scale (blk bu b)))
      (bpow_gt_0 _ _)) as [S1 S2].
    rewrite Rminus_0_r in signs_true. destruct (sg_low sg); [apply S1 | apply S2]; exact signs_true.
Qed.

End Leaves.
