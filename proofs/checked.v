(** What the checker accepts is true.

    [check_correct]: if [check] accepts a store, a claim and a proof, the claim holds (semantics.v). Everything before
    this file is either what the claim means (semantics.v and the definitions it names), the program (check.v and what it
    names), or a step on the way here. *)
From Coq Require Import ZArith Reals QArith Qreals String List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result graph merge_rules graph_rules.
From Certify Require Import elaborate building_rules elaborate_rules reading reading_rules replay replay_rules check leaves.
From Certify.rules Require Import domain forward backward difference quadratic conclude split.
Import ListNotations.
Open Scope R_scope.

(** ** Rows start on blocks of the plan *)

Lemma output_pair_inside f g : forall blocks i b finer, output_pair i blocks f g = Some (b, finer) ->
  (b < i + length blocks)%nat.
Proof.
  induction blocks as [|blk blocks IH]; intros i b finer H; simpl in H; [discriminate|].
  assert (R : output_pair (S i) blocks f g = Some (b, finer) -> (b < i + length (blk :: blocks))%nat).
  { intros H'. specialize (IH _ _ _ H'). simpl. lia. }
  destruct (pair_of blk) as [[[u w] [sg|]]|]; try (apply R; exact H).
  destruct (_ && _)%bool; [|apply R; exact H]. injection H as <- _. simpl. lia.
Qed.

Lemma start_inside blocks f g on row c cs scale : (f < length blocks)%nat ->
  match g with None => True | Some o => (o < length blocks)%nat end ->
  start blocks f g on row c = Ok (cs, scale) -> Forall (fun x => (fst x < length blocks)%nat) cs.
Proof.
  intros F G H. unfold start in H.
  assert (P : forall o p finer, output_pair 0 blocks f o = Some (p, finer) -> (p < length blocks)%nat).
  { intros o p finer E. apply output_pair_inside in E. exact E. }
  destruct on, g as [o|]; try discriminate.
  - injection H as <- _. repeat constructor; assumption.
  - injection H as <- _. repeat constructor; assumption.
  - injection H as <- _. repeat constructor; assumption.
  - destruct (Nat.eqb f o); [injection H as <- _; repeat constructor; assumption|].
    apply bind_ok in H. destruct H as (u & _ & H). destruct (output_pair 0 blocks f o) as [[p finer]|] eqn:E;
      injection H as <- _; repeat constructor; eauto.
  - injection H as <- _. repeat constructor; assumption.
  - unfold start_both in H. destruct (Nat.eqb f o); [injection H as <- _; repeat constructor; assumption|].
    apply bind_ok in H. destruct H as (u & _ & H). destruct (output_pair 0 blocks f o) as [[p finer]|] eqn:E;
      injection H as <- _; repeat constructor; simpl; eauto.
Qed.

(** One list of rows, spelt in two ways. *)
Lemma rows_listed (P : side * Q * list Z -> Q -> Prop) (P' : list Z * side * Q -> Q -> Prop) :
  (forall on unit row u, P (on, unit, row) u -> P' (row, on, unit) u) ->
  forall groups us, Forall2 P (flat_map group_rows groups) us -> Forall2 P' (row_list groups) us.
Proof.
  intros H. unfold row_list. induction groups as [|r rest IH]; intros us F; cbn [flat_map] in *.
  - inversion F. constructor.
  - apply Forall2_app_inv_l in F. destruct F as (u1 & u2 & F1 & F2 & ->). apply Forall2_app; [|apply IH; exact F2].
    unfold group_rows in F1. revert u1 F1. induction (rw_matrix r) as [|row m IHm]; intros u1 F1; cbn [map] in *;
      inversion F1; subst; constructor; auto.
Qed.

(** ** A leaf that establishes the claim *)

Section Claim.

Variables (s : store) (c : claim) (gr : graph) (n_in : nat) (d : domain) (plans_ : list plan).
Let n_out := size_at (gr_nodes gr) (gr_out_f gr).
Let ct := {| ct_store := s; ct_claim := c; ct_graph := gr; ct_decoded := map (decode_node s (gr_nodes gr)) (gr_nodes gr) |}.
Let ck := {| ck_graph := gr; ck_inputs := n_in; ck_outputs := n_out; ck_domain := d; ck_plans := plans_ |}.

Hypothesis graph_ok : read_graph s c = Ok gr.
Hypothesis inputs_ok : input_size (gr_nodes gr) = Ok n_in.
Hypothesis outputs_ok : forall o, gr_out_g gr = Some o -> size_at (gr_nodes gr) o = n_out.
Hypothesis domain_ok : read_domain s c n_in = Ok d.
Hypothesis quantity_ok : check_quantity s c n_out (parts c) = Ok tt.
Hypothesis plans_ok : forall p, In p plans_ -> plan_ok ct (Built ct) p.

Variable syms : symbols.
Hypothesis symbols_are : symbols_ok s syms (networks c).
Variables (part : nat) (x x' : list R).
Hypothesis part_known : (part < parts c)%nat.
Hypothesis x_in : in_part s c part x.
Hypothesis x'_in : in_domain s c x'.
Variables ff fg : nat -> list R.
Hypothesis ff_ok : free_ok s syms (in_domain s c) (cl_f c) ff.
Hypothesis fg_ok : forall g, cl_g c = Some g -> free_ok s syms (in_domain s c) g fg.
Variable gv0 : list (list R).
Hypothesis gv0_good : good s c gr syms x ff fg x' gv0.

Let f := output s syms x x' ff (cl_f c).
Let g := match cl_g c with Some n => output s syms x x' fg n | None => repeat 0 (length f) end.

Lemma f_value : f = nth (gr_out_f gr) gv0 [] /\ length f = n_out /\ length g = n_out
  /\ (forall o, gr_out_g gr = Some o -> g = nth o gv0 []) /\ (gr_out_g gr = None -> g = repeat 0 (length f)).
Proof.
  destruct (graph_outputs _ _ _ _ _ _ _ _ _ gv0_good graph_ok) as [F G].
  destruct (graph_indices _ _ _ graph_ok) as (_ & _ & IF & IG). pose proof gv0_good as (E & _).
  assert (LF : length f = n_out).
  { unfold f. rewrite F. apply (equations_size _ _ _ _ _ _ _ E IF). }
  split; [exact F|]. split; [exact LF|]. unfold g. destruct (cl_g c) as [net|] eqn:C.
  - destruct (graph_with_g _ _ _ _ graph_ok C) as (_ & o & _ & O). rewrite (G net o eq_refl O). split; [|split].
    + rewrite (equations_size _ _ _ _ _ _ _ E (IG o O)). apply outputs_ok, O.
    + intros o' O'. congruence.
    + intros N. congruence.
  - destruct (graph_without_g _ _ _ graph_ok C) as [_ N]. split; [rewrite repeat_length; exact LF|].
      split; [congruence | auto].
Qed.

Lemma outputs_some : (1 <= n_out)%nat.
Proof.
  destruct (graph_indices _ _ _ graph_ok) as (_ & _ & IF & _). unfold n_out, size_at.
  destruct (nth_error (gr_nodes gr) (gr_out_f gr)) as [n|] eqn:E; [|apply nth_error_None in E; lia].
  destruct (graph_node _ _ _ _ _ graph_ok E) as (H & _). rewrite (nth_error_nth _ _ _ E). exact H.
Qed.

Section Plan.

Variable p : plan.
Hypothesis p_in : In p plans_.
Variables (cuts : list cut) (signs : list sign) (slot : nat) (groups : list rows) (class : Z).
Hypothesis groups_ok : quantity_rows s c n_out class = Ok groups.
Hypothesis cuts_true : Forall (cut_holds x) cuts.
Hypothesis cuts_inside : Forall (fun q => (cut_entry q < n_in)%nat) cuts.
Hypothesis signs_true : Forall (sign_holds gv0) signs.
Hypothesis signs_ok : Forall (sign_ok gr) signs.

Let lf := make_leaf ck part p cuts signs slot.
Let V := on_leaf s c gr syms x ff fg p.
Let fine := plans_ok p p_in.
Let v0 := vals_of p gv0.

Lemma v0_on_leaf : V v0.
Proof. exists x', gv0. split; [exact x'_in|]. split; [exact gv0_good | reflexivity]. Qed.

Lemma built_p : built ct (pl_building p).
Proof. exact (built_bu s c gr graph_ok p fine). Qed.

Lemma out_at node b : block_of (pl_building p) node = Ok b ->
  (b < length (blocks p))%nat /\ has_node (pl_building p) b node.
Proof.
  intros H. unfold block_of in H. apply get_ok in H. apply (built_at _ _ built_p) in H.
  split; [exact (has_node_length _ _ _ _ built_p H) | exact H].
Qed.

Lemma out_value node b : block_of (pl_building p) node = Ok b -> output_of (blocks p) v0 b = nth node gv0 [].
Proof.
  intros H. destruct (out_at node b H) as [_ N]. unfold output_of, v0.
  rewrite (node_value s c gr graph_ok syms symbols_are x ff fg p fine x' gv0 node b gv0_good N).
  rewrite map_map. rewrite <- (map_id (nth node gv0 [])) at 2. apply map_ext. intros v. unfold scale_of.
  rewrite Rmult_assoc, <- bpow_plus.
  change (bk_scale (nth b (blocks p) no_block)) with (bk_scale (blk (pl_building p) b)).
  rewrite Z.add_opp_diag_r. simpl. lra.
Qed.

Lemma out_g_value : other_of (blocks p) v0 (pl_out_f p) (pl_out_g p) = g.
Proof.
  destruct f_value as (F & LF & LG & G1 & G2). unfold other_of.
  pose proof (ok_out_g _ _ _ fine) as O. cbn [ct_graph ct] in O. destruct (gr_out_g gr) as [o|] eqn:E.
  - destruct O as (b & -> & B). rewrite (out_value o b B). symmetry. apply G1. reflexivity.
  - rewrite O, (G2 eq_refl). f_equal.
    pose proof (out_value _ _ (ok_out_f _ _ _ fine)) as V1. cbn [ct_graph ct] in V1. rewrite F, <- V1.
    unfold output_of. rewrite map_length. reflexivity.
Qed.

Lemma out_f_value : output_of (blocks p) v0 (pl_out_f p) = f.
Proof. destruct f_value as (F & _). rewrite F. apply (out_value _ _ (ok_out_f _ _ _ fine)). Qed.

Lemma block_size node b : block_of (pl_building p) node = Ok b -> (node < length (gr_nodes gr))%nat -> bk_size (nth b
  (blocks p) no_block) = size_at (gr_nodes gr) node.
Proof.
  intros H In_. assert (PM : plan_means (region p lf) (blocks p) v0).
  { eapply (leaf_plan s c gr n_in d graph_ok domain_ok syms symbols_are part x part_known x_in ff fg p fine cuts signs
    slot ck eq_refl).
    exact v0_on_leaf. }
  destruct PM as [_ PM].
  destruct (out_at node b H) as [L N]. destruct (PM b L) as (S1 & _). rewrite <- S1. unfold v0.
  rewrite (node_value s c gr graph_ok syms symbols_are x ff fg p fine x' gv0 node b gv0_good N), map_length.
  pose proof gv0_good as (E & _). apply (equations_size _ _ _ _ _ _ _ E).
  exact In_.
Qed.

Definition row_on (on : side) (row : list Z) (vals : list (list R)) : R :=
  dot row (quantity_vector on (output_of (blocks p) vals (pl_out_f p)) (other_of (blocks p) vals (pl_out_f p) (pl_out_g p))).

(** Every block of the plan has its maps. *)
Lemma maps_for q m b : prepare_all q (blocks p) = Ok m -> (b < length (blocks p))%nat ->
  prepare_block q (nth b (blocks p) no_block) = Some (nth b m []).
Proof. intros H L. apply (prepare_all_ok _ _ _ H). exact L. Qed.

(** The outputs have one size in every valuation. *)
Lemma outputs_fit vals : plan_means (region p lf) (blocks p) vals ->
  length (output_of (blocks p) vals (pl_out_f p)) = length (other_of (blocks p) vals (pl_out_f p) (pl_out_g p)).
Proof.
  intros [_ PM]. destruct (graph_indices _ _ _ graph_ok) as (_ & _ & IF & IG).
  pose proof (ok_out_f _ _ _ fine) as OF. destruct (out_at _ _ OF) as [LF _]. destruct (PM _ LF) as (SF & _).
  unfold output_of at 1. rewrite map_length. unfold other_of.
  pose proof (ok_out_g _ _ _ fine) as O. cbn [ct_graph ct] in O, OF. destruct (gr_out_g gr) as [o|] eqn:E.
  - destruct O as (b & -> & B). destruct (out_at _ _ B) as [LB _]. destruct (PM _ LB) as (SB & _).
    unfold output_of. rewrite map_length, SF, SB, (block_size _ _ OF IF), (block_size _ _ B (IG o eq_refl)).
    symmetry. apply outputs_ok. reflexivity.
  - rewrite O, repeat_length. reflexivity.
Qed.

Lemma forms_sound bd on row fo num den vals : plan_means (region p lf) (blocks p) vals -> bounds_hold bd vals ->
  length (bd_lo bd) = length (blocks p) -> In fo (forms_for p on) ->
  replay_rules.form_bound p lf bd on row fo = Some (num, den) -> (0 < den)%Z /\ row_on on row vals <= IZR num / IZR den.
Proof.
  intros P B L I H. pose proof (built_earlier _ _ built_p) as EB.
  assert (MP : forall b, (b < length (blocks p))%nat ->
    prepare_block (pl_forward_bits p) (nth b (blocks p) no_block) = Some (nth b (pl_forward p) [])).
  { intros b Lb. apply maps_for; [apply (ok_forward _ _ _ fine) | exact Lb]. }
  apply (quadratic_correct (region p lf) (blocks p) _ _ _ _ _ _ _ _ _ _ _ _ vals _ _ P B L EB MP) in H.
  unfold forms_for in I. unfold row_on, other_of. unfold side_value in H.
  destruct on; cbn [quantity_vector]; [exact H | | | contradiction].
  - destruct (pl_out_g p) as [o|]; [exact H | contradiction].
  - destruct (pl_out_g p) as [o|]; [exact H|]. destruct H as [D V1]. split; [exact D|].
    replace (map2 Rminus _ _) with (plain (blocks p) vals (pl_out_f p)); [exact V1|].
    unfold output_of, plain, scale_of. generalize (values vals (pl_out_f p)). clear.
    induction l as [|v l IH]; simpl; [reflexivity|]. f_equal; [lra | exact IH].
Qed.

Theorem leaf_bounds o : replay p lf groups = Ok o ->
  exists us, o = Some us /\ rows_below groups f g us.
Proof.
  intros H. pose proof (built_earlier _ _ built_p) as EB.
  destruct (replay_holds p lf V) with (v0 := v0) (row_value := row_on) (groups := groups) (o := o) as (us & -> & F);
    try assumption.
  - intros vals I. eapply (leaf_plan s c gr n_in d graph_ok domain_ok syms symbols_are part x part_known x_in ff fg p
      fine cuts signs slot ck eq_refl). exact I.
  - intros vals b second I K. exact (leaf_inputs s c gr n_in d graph_ok domain_ok syms symbols_are part x part_known
      x_in ff fg p fine cuts signs slot ck eq_refl cuts_true cuts_inside vals b second I K).
  - intros vals b u I K L. exact (leaf_frees s c gr n_in d graph_ok inputs_ok domain_ok syms symbols_are part x
      part_known x_in ff fg ff_ok fg_ok p fine vals b u I K L).
  - intros vals b i low I Is. exact (leaf_signs s c gr n_in d graph_ok domain_ok syms symbols_are part x x' part_known
      x_in ff fg p fine cuts signs slot ck eq_refl gv0 gv0_good signs_true signs_ok vals b i low I Is).
  - exact v0_on_leaf.
  - intros bd vals P B b blk L K Fr. eapply forward_correct; eauto.
    + apply maps_for; [apply (ok_forward _ _ _ fine) | exact L].
    + apply maps_for; [apply (ok_constant _ _ _ fine) | exact L].
  - intros bd vals P B b blk L K. unfold pair_image. destruct (relation_of blk) as [r|] eqn:R; [|congruence].
    eapply (pair_image_correct (region p lf) (blocks p)); eauto.
    + apply maps_for; [apply (ok_forward _ _ _ fine) | exact L].
    + apply maps_for; [apply (ok_constant _ _ _ fine) | exact L].
  - intros q bd h start vals P B Q I.
    pose proof (backward_correct (blocks p) (maps_at p q) (pl_constant p) q (pl_constant_bits p) (region p lf) bd h
      vals P B EB
      (ok_bits_positive _ _ _ fine q Q) (fun b L => maps_for q _ b (ok_bits _ _ _ fine q Q) L)
      (fun b L => maps_for _ _ b (ok_constant _ _ _ fine) L)
      (proj1 (prepare_all_ok _ _ _ (ok_constant _ _ _ fine))) start I) as BC.
    unfold all_constants. destruct (lower _ _ _ _ _ _ _ _ _) as [k|]; [|contradiction]. exists k. auto.
  - intros on row cs scale vals P St.
    pose proof (out_at _ _ (ok_out_f _ _ _ fine)) as [LF _].
    assert (LG : match pl_out_g p with None => True | Some o => (o < length (blocks p))%nat end).
    { pose proof (ok_out_g _ _ _ fine) as O. cbn [ct_graph ct] in O. destruct (gr_out_g gr) as [o'|].
      - destruct O as (b & -> & B). apply (out_at _ _ B).
      - rewrite O. exact Logic.I. }
    split; [exact (start_inside _ _ _ _ _ _ _ _ LF LG St)|].
    exact (start_correct (region p lf) (blocks p) vals P (pl_out_f p) (pl_out_g p) on row (pl_c p) cs scale
      (ok_c _ _ _ fine) LF (outputs_fit vals P) St).
  - exact forms_sound.
  - exact (ok_q _ _ _ fine).
  - exact (ok_steps _ _ _ fine).
  - apply (units_positive s c n_out class); [exact groups_ok | exact outputs_some].
  - exists us. split; [reflexivity|]. unfold rows_below, row_list.
    rewrite <- out_f_value, <- out_g_value.
    refine (rows_listed _ _ _ groups us F). intros on unit row u H2. exact H2.
Qed.

Theorem leaf_true plan_number r : nth_error plans_ plan_number = Some p ->
  check_leaf c ck part groups cuts signs plan_number slot = Ok r ->
  quantity_holds s (cl_quantity c) (below_of c) class f g (ratio_value (cl_threshold c)).
Proof.
  intros N H. unfold check_leaf in H. cbn [ck_plans ck] in H. rewrite N in H. cbn [get bind] in H.
  apply bind_ok in H. destruct H as (u & _ & H). apply bind_ok in H. destruct H as (o & O & H).
  destruct (leaf_bounds o O) as (us & -> & R). destruct (combine c us) as [b ok] eqn:CB.
  apply bind_ok in H. destruct H as (u' & OK & _). apply need_ok in OK. subst ok.
  destruct f_value as (_ & LF & LG & _).
  exact (conclude_correct s c n_out (parts c) class groups f g us b quantity_ok groups_ok LF LG R CB).
Qed.

End Plan.

Theorem part_true t r : check.check_part s c ck part t = Ok r ->
  quantity_holds s (cl_quantity c) (below_of c) (class_of s (cl_quantity c) part) f g (ratio_value (cl_threshold c)).
Proof.
  intros H. unfold check.check_part in H. apply bind_ok in H. destruct H as (groups & GR & H).
  apply bind_ok in H. destruct H as (w & W & _). cbn [ck_outputs ck] in GR. cbn [ck_graph ck_inputs ck_domain ck] in W.
  revert W. apply (split_correct gr n_in (coordinate d part) (check_leaf c ck part groups) x gv0).
  intros cuts signs pn slot r' L C S K I.
  destruct (nth_error plans_ pn) as [p|] eqn:N.
  - eapply (leaf_true p (nth_error_In _ _ N) cuts signs slot groups _ GR C I S K pn r' N). exact L.
  - unfold check_leaf in L. cbn [ck_plans ck] in L. rewrite N in L. discriminate.
Qed.

End Claim.

(** ** The theorem *)

Lemma all_ok_in {A B} (F : A -> result B) : forall l out b, all_ok F l = Ok out -> In b out -> exists a,
  In a l /\ F a = Ok b.
Proof.
  induction l as [|a l IH]; simpl; intros out b H I; [injection H as <-; contradiction|].
  apply bind_ok in H. destruct H as (b' & Fb & H). apply bind_ok in H. destruct H as (bs & R & H). injection H as <-.
  destruct I as [<- | I]; [eauto|]. destruct (IH bs b R I) as (a' & I' & E). eauto.
Qed.

Lemma check_parts_at s c ck : forall ts k out, check_parts s c ck k ts = Ok out -> forall i, (i < length ts)%nat ->
  exists t r, check.check_part s c ck (k + i) t = Ok r.
Proof.
  induction ts as [|t ts IH]; intros k out H i L; simpl in *; [lia|].
  apply bind_ok in H. destruct H as (a & A & H). apply bind_ok in H. destruct H as (b & B & _).
  destruct i as [|i]; [rewrite Nat.add_0_r; eauto|]. replace (k + S i)%nat with (S k + i)%nat by lia.
  apply (IH (S k) b B). lia.
Qed.

Theorem judge_correct s c p out : judge s c p = Ok out -> claim_holds s c.
Proof.
  intros H. unfold judge in H. apply bind_ok in H. destruct H as (ck & R & H). apply bind_ok in H. destruct H as (u & N & H).
  apply need_ok in N. apply Nat.eqb_eq in N.
  unfold read_all in R. apply bind_ok in R. destruct R as (gr & GR & R). apply bind_ok in R. destruct R as (n_in & NI & R).
  apply bind_ok in R. destruct R as (u1 & OUT & R). apply need_ok in OUT. apply bind_ok in R. destruct R as (d & D & R).
  apply bind_ok in R. destruct R as (u2 & CQ & R). apply bind_ok in R. destruct R as (plans_ & PL & R). injection R as <-.
  destruct u2. intros syms SY k x x' K X X' ff fg FF FG f g.
  assert (PK : forall pl, In pl plans_ -> plan_ok {| ct_store := s; ct_claim := c; ct_graph := gr;
            ct_decoded := map (decode_node s (gr_nodes gr)) (gr_nodes gr) |}
          (Built {| ct_store := s; ct_claim := c; ct_graph := gr;
            ct_decoded := map (decode_node s (gr_nodes gr)) (gr_nodes gr) |}) pl).
  { intros pl I. destruct (all_ok_in _ _ _ _ PL I) as (w & _ & E). eapply read_plan_ok; [..| exact E].
    - apply Built_nothing.
    - intros; eapply Built_node; eauto.
    - intros; eapply Built_direct; eauto.
    - intros; eapply Built_relu; eauto.
    - intros; eapply Built_affine; eauto. }
  destruct (good_exists s c gr n_in d GR NI D syms k x K X ff fg FF FG x' X') as (gv0 & G0).
  destruct (check_parts_at s c _ _ 0 out H k ltac:(rewrite N; exact K)) as (t & r & T). rewrite Nat.add_0_l in T.
  refine (part_true s c gr n_in d plans_ GR NI _ D CQ PK syms SY k x x' K X X' ff fg FF FG gv0 G0 t r T).
  intros o O. rewrite O in OUT. apply Nat.eqb_eq in OUT. exact OUT.
Qed.

(** If the checker accepts, the claim holds: for all constants that inexact scales may stand for, for every x of every part,
    every x' of the domain and every free choice, the quantity is below the threshold; networks have the weights that
    IEEE 754 says the bytes are. *)
Theorem check_correct s c p bounds leaves : check s c p = Accepted bounds leaves -> claim_holds s c.
Proof. unfold check. destruct (judge s c p) as [out | |] eqn:J; try discriminate. intros _.
  exact (judge_correct s c p out J). Qed.
